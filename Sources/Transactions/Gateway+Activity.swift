import Coding
import Keys
import Operations
import Schema
import Tablet

/// Who holds, who waits, and what runs, over all nodes. Each node's gateway knows its own transactions and each node's
/// SQL front its own sessions, so that these are questions to all live nodes at the same time.
extension Gateway {
  package func openTransactions() async -> [TransactionActivity] {
    let others = await askOthers(.openTransactions) { reader throws(CodingError) in
      try reader.readArray(minimumSize: 20) { reader throws(CodingError) in try TransactionActivity(from: &reader) }
    }
    return (ownTransactions() + others.joined()).sorted { $0.id < $1.id }
  }

  func ownTransactions() -> [TransactionActivity] {
    let wall = router.runtime.clock.wallMicroseconds()
    return transactions.all.map { $0.activity(wallMicroseconds: wall) }
  }

  package func otherSessions() async -> [SessionStatus] {
    let others = await askOthers(.sessions) { reader throws(CodingError) in
      try reader.readArray(minimumSize: 12) { reader throws(CodingError) in try SessionStatus(from: &reader) }
    }
    return others.joined().sorted { $0.processID < $1.processID }
  }

  package func signal(_ signal: SessionSignal, to processID: Int32) async -> Bool {
    let node = ProcessID.node(of: processID)
    guard node != router.node, services.liveNodes().contains(node) else { return false }
    let request = SignalRequest(processID: processID, signal: signal)
    let answer = try? await router.transport.call(
      NodeService.signalSession.rawValue, request.encoded(), to: node, timeoutNanoseconds: Self.askTimeout)
    return answer == [1]
  }

  private static var askTimeout: UInt64 { 1_000_000_000 }

  /// Asks every other live node, at the same time; those that do not answer in time are left out.
  private func askOthers<Answer: Sendable>(
    _ service: NodeService, _ read: @escaping @Sendable (inout ByteReader) throws(CodingError) -> Answer
  ) async -> [Answer] {
    await withTaskGroup(of: Answer?.self) { group in
      for node in services.liveNodes().sorted() where node != router.node {
        group.addTask {
          let bytes = try? await self.router.transport.call(
            service.rawValue, [], to: node, timeoutNanoseconds: Self.askTimeout)
          guard let bytes else { return nil }
          var reader = ByteReader(bytes)
          return try? read(&reader)
        }
      }
      var answers: [Answer] = []
      for await case let answer? in group { answers.append(answer) }
      return answers
    }
  }
}

/// A signal for a session, on its way to the session's node.
package struct SignalRequest: Hashable, Sendable {
  package var processID: Int32
  package var signal: SessionSignal

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(UInt64(UInt32(bitPattern: processID)))
    writer.writeVarint(UInt64(signal.rawValue))
    return writer.bytes
  }

  init(processID: Int32, signal: SessionSignal) {
    self.processID = processID
    self.signal = signal
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    processID = Int32(bitPattern: try reader.readNarrow())
    guard let known = SessionSignal(rawValue: try reader.readNarrow()) else {
      throw CodingError.malformed(what: "session signal")
    }
    signal = known
  }
}

extension GatewayTransaction {
  /// What it does right now.
  func activity(wallMicroseconds wall: UInt64) -> TransactionActivity {
    let now = router.now
    func microseconds(since past: UInt64) -> UInt64 { (now - min(now, past)) / 1000 }
    let isWaiting = !blockers.isEmpty
    return state.withLock { state in
      let touched = state.participants.values.sorted { $0.tablet.id < $1.tablet.id }.map {
        TransactionActivity.Touched(
          tablet: $0.tablet.id, table: $0.tablet.table, writes: $0.writes, pendingBytes: UInt64($0.pendingBytes))
      }
      let wait = state.wait.flatMap { wait in
        isWaiting
          ? TransactionActivity.Wait(
            blockers: wait.blockers, table: wait.table, sinceMicroseconds: wall &- microseconds(since: wait.since))
          : nil
      }
      let age = microseconds(since: started)
      return TransactionActivity(
        id: id, processID: options.processID, isolation: options.isolation, isReadOnly: options.isReadOnly,
        startMicroseconds: wall &- age, ageMicroseconds: age, touched: touched, wait: wait)
    }
  }
}

extension TransactionActivity {
  func write(to writer: inout ByteWriter) {
    writer.write(id)
    writer.writeOptional(processID) { $0.writeVarint(UInt64(UInt32(bitPattern: $1))) }
    writer.writeVarint(UInt64(isolation.rawValue))
    writer.write(isReadOnly)
    writer.writeVarint(startMicroseconds)
    writer.writeVarint(ageMicroseconds)
    writer.writeArray(touched) { writer, tablet in
      writer.writeVarint(tablet.tablet.rawValue)
      writer.writeVarint(UInt64(tablet.table.rawValue))
      writer.write(tablet.writes)
      writer.writeVarint(tablet.pendingBytes)
    }
    writer.writeOptional(wait) { writer, wait in
      writer.writeArray(wait.blockers) { $0.write($1) }
      writer.writeVarint(UInt64(wait.table.rawValue))
      writer.writeVarint(wait.sinceMicroseconds)
    }
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    let id = try reader.readTransactionID()
    let processID = try reader.readOptional { reader throws(CodingError) in
      Int32(bitPattern: try reader.readNarrow())
    }
    guard let isolation = IsolationLevel(rawValue: try reader.readNarrow()) else {
      throw CodingError.malformed(what: "isolation level")
    }
    self.init(
      id: id, processID: processID, isolation: isolation, isReadOnly: try reader.readBool(),
      startMicroseconds: try reader.readVarint(), ageMicroseconds: try reader.readVarint(),
      touched: try reader.readArray(minimumSize: 4) { reader throws(CodingError) in
        Touched(
          tablet: TabletID(try reader.readVarint()), table: TableID(try reader.readNarrow()),
          writes: try reader.readBool(), pendingBytes: try reader.readVarint())
      },
      wait: try reader.readOptional { reader throws(CodingError) in
        Wait(
          blockers: try reader.readArray(minimumSize: 17) { reader throws(CodingError) in
            try reader.readTransactionID()
          }, table: TableID(try reader.readNarrow()), sinceMicroseconds: try reader.readVarint())
      })
  }
}
