import NIOCore
import SQL
import Values

/// Reads the body of one message. Every read is checked against the end of the body; nothing traps.
struct MessageReader {
  private var body: ByteBuffer

  /// - Parameter body: exactly the bytes of the body.
  init(_ body: ByteBuffer) { self.body = body }

  var bytesLeft: Int { body.readableBytes }

  mutating func integer<T: FixedWidthInteger>(as type: T.Type = T.self) throws(SQLError) -> T {
    guard let value = body.readInteger(as: type) else { throw Self.tooShort }
    return value
  }

  mutating func bytes(_ count: Int) throws(SQLError) -> [UInt8] {
    guard let bytes = body.readBytes(length: count) else { throw Self.tooShort }
    return bytes
  }

  /// A copy of what is left; nothing is read.
  var rest: [UInt8] { Array(buffer: body) }

  mutating func skip(_ count: Int) throws(SQLError) {
    guard count <= body.readableBytes else { throw Self.tooShort }
    body.moveReaderIndex(forwardBy: count)
  }

  /// A string that ends at a NUL.
  /// - Throws: 22021 where it is not UTF-8, after moving behind it.
  mutating func string() throws(SQLError) -> String {
    guard let first = body.getInteger(at: body.readerIndex, as: UInt8.self) else { throw Self.unterminated }
    if first == 0 {
      body.moveReaderIndex(forwardBy: 1)
      return ""
    }
    guard let end = body.readableBytesView.firstIndex(of: 0) else { throw Self.unterminated }
    let text = String(validating: body.readableBytesView[..<end], as: UTF8.self)
    body.moveReaderIndex(to: end + 1)
    guard let text else { throw Self.notUTF8 }
    return text
  }

  /// A count of 16 bits without sign, as PostgreSQL's clients send up to 65,535 parameters.
  mutating func count() throws(SQLError) -> Int { Int(try integer(as: UInt16.self)) }

  mutating func formats() throws(SQLError) -> [DataFormat] {
    let count = try count()
    guard count * 2 <= bytesLeft else { throw Self.tooShort }
    var formats: [DataFormat] = []
    formats.reserveCapacity(count)
    for _ in 0..<count {
      let code = try integer(as: Int16.self)
      guard let format = DataFormat(rawValue: code) else {
        throw SQLError(.invalidParameterValue, "unsupported format code: \(code)")
      }
      formats.append(format)
    }
    return formats
  }

  func end() throws(SQLError) {
    guard bytesLeft == 0 else { throw SQLError(.protocolViolation, "invalid message format") }
  }

  static let tooShort = SQLError(.protocolViolation, "insufficient data left in message")
  static let unterminated = SQLError(.protocolViolation, "invalid string in message")
  static let notUTF8 = SQLError(.characterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
}
