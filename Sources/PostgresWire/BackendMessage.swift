import NIOCore
import SQL
import Values

/// A message to the client, but for DataRow and CopyData, which are written straight from values
/// (PostgreSQL manual, 55.7 "Message Formats").
package enum BackendMessage: Sendable {
  case authenticationOk
  /// Names the protocol options of the client that are not known here.
  case negotiateProtocolVersion(unknownOptions: [String])
  case parameterStatus(name: String, value: String)
  case backendKeyData(CancelKey)
  case readyForQuery(TransactionStatus)
  case parseComplete
  case bindComplete
  case closeComplete
  case noData
  case portalSuspended
  case emptyQueryResponse
  case parameterDescription([SQLType])
  case rowDescription([ResultColumn])
  case commandComplete(tag: String)
  case copyInResponse(DataFormat, columnCount: Int)
  case copyOutResponse(DataFormat, columnCount: Int)
  case copyDone
  case error(SQLError, ErrorSeverity)
  case notice(SQLError, NoticeSeverity)
}

package enum ErrorSeverity: String, Hashable, Sendable {
  /// The statement failed; the session goes on.
  case error = "ERROR"
  /// The connection closes.
  case fatal = "FATAL"
}

extension BackendMessage {
  package func write(into out: inout ByteBuffer) {
    switch self {
    case .authenticationOk: out.writeMessage("R") { $0.writeInteger(0 as Int32) }
    case .negotiateProtocolVersion(let unknownOptions):
      out.writeMessage("v") { out in
        out.writeInteger(0x0003_0000 as UInt32)
        out.writeInteger(Int32(clamping: unknownOptions.count))
        for option in unknownOptions { out.writeCString(option) }
      }
    case .parameterStatus(let name, let value):
      out.writeMessage("S") { out in
        out.writeCString(name)
        out.writeCString(value)
      }
    case .backendKeyData(let key):
      out.writeMessage("K") { $0.writeMultipleIntegers(key.processID, key.secret) }
    case .readyForQuery(let status): out.writeMessage("Z") { $0.writeInteger(status.rawValue) }
    case .parseComplete: out.writeEmptyMessage("1")
    case .bindComplete: out.writeEmptyMessage("2")
    case .closeComplete: out.writeEmptyMessage("3")
    case .noData: out.writeEmptyMessage("n")
    case .portalSuspended: out.writeEmptyMessage("s")
    case .emptyQueryResponse: out.writeEmptyMessage("I")
    case .parameterDescription(let types):
      out.writeMessage("t") { out in
        out.writeInteger(UInt16(clamping: types.count))
        for type in types { out.writeInteger(TypeCatalog.entry(type.kind).oid) }
      }
    case .rowDescription(let columns): Self.writeRowDescription(columns, into: &out)
    case .commandComplete(let tag): out.writeMessage("C") { $0.writeCString(tag) }
    case .copyInResponse(let format, let count): Self.writeCopy("G", format, columnCount: count, into: &out)
    case .copyOutResponse(let format, let count): Self.writeCopy("H", format, columnCount: count, into: &out)
    case .copyDone: out.writeEmptyMessage("c")
    case .error(let error, let severity): Self.write(error, severity: severity.rawValue, as: "E", into: &out)
    case .notice(let notice, let severity): Self.write(notice, severity: severity.rawValue, as: "N", into: &out)
    }
  }

  private static func writeRowDescription(_ columns: [ResultColumn], into out: inout ByteBuffer) {
    out.writeMessage("T") { out in
      out.writeInteger(UInt16(clamping: columns.count))
      for column in columns {
        out.writeCString(column.name)
        let type = TypeCatalog.entry(column.type.kind)
        out.writeMultipleIntegers(
          column.tableOID, column.attributeNumber, type.oid, type.length, TypeCatalog.typmod(column.type),
          column.format.rawValue)
      }
    }
  }

  private static func writeCopy(
    _ kind: Unicode.Scalar, _ format: DataFormat, columnCount: Int, into out: inout ByteBuffer
  ) {
    let columnCount = UInt16(clamping: columnCount)
    out.writeMessage(kind) { out in
      out.writeInteger(UInt8(format.rawValue))
      out.writeInteger(columnCount)
      for _ in 0..<columnCount { out.writeInteger(format.rawValue) }
    }
  }

  /// The fields in PostgreSQL's order; those that are not set are left out.
  private static func write(
    _ error: SQLError, severity: String, as kind: Unicode.Scalar, into out: inout ByteBuffer
  ) {
    out.writeMessage(kind) { out in
      out.writeField("S", severity)
      out.writeField("V", severity)
      out.writeField("C", error.state.code)
      out.writeField("M", error.message)
      out.writeField("D", error.detail)
      out.writeField("H", error.hint)
      out.writeField("W", error.context)
      out.writeField("s", error.schema)
      out.writeField("t", error.table)
      out.writeField("c", error.column)
      out.writeField("d", error.dataType)
      out.writeField("n", error.constraint)
      out.writeField("P", error.position.map { String($0) })
      out.writeInteger(0 as UInt8)
    }
  }
}

extension ByteBuffer {
  /// Writes type byte, length, and the body that `body` writes.
  @inline(__always)
  mutating func writeMessage(_ kind: Unicode.Scalar, _ body: (inout ByteBuffer) -> Void) {
    writeInteger(UInt8(ascii: kind))
    let start = writerIndex
    writeInteger(0 as UInt32)
    body(&self)
    setInteger(UInt32(truncatingIfNeeded: writerIndex - start), at: start)
  }

  @inline(__always)
  mutating func writeEmptyMessage(_ kind: Unicode.Scalar) {
    writeMultipleIntegers(UInt8(ascii: kind), 4 as UInt32)
  }

  /// Writes a string and a NUL. A NUL inside the string would end it early for the client and put the stream out of
  /// sync, so it goes out as a space.
  mutating func writeCString(_ string: String) {
    let start = writerIndex
    let count = writeString(string)
    if string.utf8.contains(0) {
      for index in start..<start + count where getInteger(at: index, as: UInt8.self) == 0 {
        setInteger(UInt8(ascii: " "), at: index)
      }
    }
    writeInteger(0 as UInt8)
  }

  fileprivate mutating func writeField(_ code: Unicode.Scalar, _ value: String?) {
    guard let value else { return }
    writeInteger(UInt8(ascii: code))
    writeCString(value)
  }
}
