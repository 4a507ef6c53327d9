import NIOCore
import SQL
import Values

// What a running statement yields. Everything is appended to the connection's output; `drain` sends it when there is
// enough, and waits where the client does not keep up.

extension ClientConnection: ResultSink {
  package func columns(_ columns: [ResultColumn]) async throws(SQLError) {
    send(.rowDescription(columns))
    try await drain()
  }

  package func rows(_ rows: [Row], columns: [ResultColumn], settings: FormatSettings) async throws(SQLError) {
    if isOver { throw Self.clientGone }
    counters.rowsSent &+= rows.count
    for row in rows {
      try rowWriter.write(row, columns: columns, settings: settings, into: &out)
      if out.readableBytes >= services.settings.flushBytes { try await drain() }
    }
  }

  package func complete(tag: String) async throws(SQLError) {
    send(.commandComplete(tag: tag))
    try await drain()
  }

  package func emptyQuery() async throws(SQLError) {
    send(.emptyQueryResponse)
    try await drain()
  }

  package func notice(_ notice: SQLError, severity: NoticeSeverity) async throws(SQLError) {
    send(.notice(notice, severity))
    try await drain()
  }

  package func parameterStatus(name: String, value: String) async throws(SQLError) {
    send(.parameterStatus(name: name, value: value))
    try await drain()
  }

  // MARK: COPY FROM STDIN

  package func copyInBegin(format: DataFormat, columnCount: Int) async throws(SQLError) {
    var effects: [ConnectionMachine.Effect] = []
    guard machine.copyInBegan(format, columnCount: columnCount, effects: &effects) else { throw Self.noCopy }
    carryOutSending(effects)
    flush()
    try await drain()
  }

  package func copyData() async throws(SQLError) -> [UInt8]? {
    while case .copyIn = machine.phase {
      guard let message = await nextMessage() else { throw Self.clientGone }
      var effects: [ConnectionMachine.Effect] = []
      machine.received(message, effects: &effects)
      for effect in effects {
        switch effect {
        case .copyBytes(let bytes): return bytes
        case .copyEnd: return nil
        case .copyFail(let error): throw error
        case .send, .sendByte, .flush, .close, .cancel, .authenticate, .query, .request, .sync, .ready:
          carryOutSending([effect])
        }
      }
    }
    if isOver { throw Self.clientGone }
    return nil
  }

  // MARK: COPY TO STDOUT

  package func copyOutBegin(format: DataFormat, columnCount: Int) async throws(SQLError) {
    var effects: [ConnectionMachine.Effect] = []
    guard machine.copyOutBegan(format, columnCount: columnCount, effects: &effects) else { throw Self.noCopy }
    carryOutSending(effects)
    try await drain()
  }

  /// One CopyData message for each row, as PostgreSQL sends it and some clients rely on.
  package func copyOut(_ bytes: [UInt8], rowEnds: [Int]) async throws(SQLError) {
    guard case .copyOut = machine.phase else { throw Self.noCopy }
    var start = 0
    for end in rowEnds where end > start && end <= bytes.count {
      writeCopyData(bytes[start..<end])
      start = end
      try await drain()
    }
    if start < bytes.count {
      writeCopyData(bytes[start...])
      try await drain()
    }
  }

  package func copyOutEnd() async throws(SQLError) {
    var effects: [ConnectionMachine.Effect] = []
    machine.copyOutEnded(effects: &effects)
    carryOutSending(effects)
    try await drain()
  }

  private func writeCopyData(_ row: ArraySlice<UInt8>) {
    out.writeMultipleIntegers(UInt8(ascii: "d"), UInt32(truncatingIfNeeded: row.count + 4))
    out.writeBytes(row)
  }

  private static let noCopy = SQLError(.internalError, "COPY data outside a COPY")
}
