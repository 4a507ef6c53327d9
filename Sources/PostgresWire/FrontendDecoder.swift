import NIOCore
import Values

/// Cuts a client's bytes into messages.
///
/// Bytes go in as they arrive, in pieces of any size; messages come out one at a time when asked for, so the undecoded
/// bytes are the connection's only input queue. A declared length is checked when its header is complete, before any
/// of the body is waited for. CopyData is not waited for at all: its bytes come out as they arrive, those of small
/// messages in a row together.
package struct FrontendDecoder: Sendable {
  private let startupBytesMax: Int
  private let unauthenticatedBytesMax: Int
  private let messageBytesMax: Int
  private var buffer = ByteBuffer()
  /// Bytes of the current CopyData message that have not come out yet.
  private var copyBytesLeft = 0

  /// CopyData comes out in pieces of about this size.
  private static let copyBatchBytes = 64 * 1024
  private static let smallBodyBytesMax = 10_000

  package init(settings: WireSettings) {
    startupBytesMax = settings.startupBytesMax
    unauthenticatedBytesMax = settings.unauthenticatedBytesMax
    messageBytesMax = settings.messageBytesMax
  }

  package var bufferedBytes: Int { buffer.readableBytes }

  /// Whether the next message is a Sync, as far as it has arrived.
  package var isSyncNext: Bool {
    copyBytesLeft == 0 && buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == MessageKind.sync.rawValue
      && buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self) == 4
  }

  package mutating func append(_ bytes: ByteBuffer) {
    if buffer.readableBytes == 0 {
      buffer = bytes
    } else {
      // Without this, a stream that never quite empties the buffer would make it grow for ever.
      if buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
      buffer.writeImmutableBuffer(bytes)
    }
  }

  // MARK: - Before authentication

  /// The next packet without a type byte: encryption request, cancel request or startup.
  package mutating func nextStartup() throws(WireViolation) -> StartupPacket? {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
    guard length >= 8, length <= UInt32(clamping: startupBytesMax) else {
      throw WireViolation(SQLError(.protocolViolation, "invalid length of startup packet"), isSilent: true)
    }
    guard var packet = readFrame(headerBytes: 4, bodyBytes: Int(length) - 4) else { return nil }
    return try StartupPacket(reading: &packet)
  }

  /// The next message while authentication is under way: only answers to what was asked.
  package mutating func nextUnauthenticated() throws(WireViolation) -> FrontendMessage? {
    guard let type = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
    guard type == MessageKind.password.rawValue else {
      throw WireViolation(
        SQLError(.protocolViolation, "expected an authentication response, got message type \(type)"))
    }
    guard let length = try bodyLength(max: unauthenticatedBytesMax),
      let body = readFrame(headerBytes: 5, bodyBytes: length)
    else { return nil }
    return .password(Array(buffer: body))
  }

  // MARK: - Afterwards

  /// The next message, or nil where the bytes so far hold no more.
  package mutating func next() throws(WireViolation) -> FrontendMessage? {
    if copyBytesLeft > 0 { return try nextCopyData() }
    guard let type = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
    guard let kind = MessageKind(rawValue: type) else {
      throw WireViolation(SQLError(.protocolViolation, "invalid frontend message type \(type)"))
    }
    if kind == .copyData { return try nextCopyData() }
    guard let length = try bodyLength(max: kind.isSmall ? Self.smallBodyBytesMax : messageBytesMax),
      let body = readFrame(headerBytes: 5, bodyBytes: length)
    else { return nil }
    if kind == .sync, length == 0 { return .sync }
    var reader = MessageReader(body)
    do {
      return try FrontendMessage(kind, reading: &reader)
    } catch {
      return .unreadable(kind, error)
    }
  }

  /// The length of the body behind the header that starts here, or nil where the header is not complete.
  private func bodyLength(max: Int) throws(WireViolation) -> Int? {
    guard let declared = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self) else { return nil }
    guard declared >= 4 else {
      throw WireViolation(SQLError(.protocolViolation, "invalid message length"))
    }
    let length = Int(declared) - 4
    guard length <= max else {
      throw WireViolation(
        SQLError(.programLimitExceeded, "message of \(length) bytes is longer than the limit of \(max) bytes"))
    }
    return length
  }

  /// Takes a frame's body if all of it has arrived.
  private mutating func readFrame(headerBytes: Int, bodyBytes: Int) -> ByteBuffer? {
    guard buffer.readableBytes >= headerBytes + bodyBytes else { return nil }
    buffer.moveReaderIndex(forwardBy: headerBytes)
    let body = buffer.readSlice(length: bodyBytes)
    releaseIfEmpty()
    return body
  }

  private mutating func nextCopyData() throws(WireViolation) -> FrontendMessage? {
    var batch: [UInt8] = []
    while batch.count < Self.copyBatchBytes {
      if copyBytesLeft == 0 {
        guard buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == MessageKind.copyData.rawValue,
          let length = try bodyLength(max: messageBytesMax)
        else { break }
        if batch.isEmpty { batch.reserveCapacity(min(buffer.readableBytes, Self.copyBatchBytes)) }
        buffer.moveReaderIndex(forwardBy: 5)
        copyBytesLeft = length
        if length == 0 { continue }
      }
      let count = min(copyBytesLeft, buffer.readableBytes)
      if count == 0 { break }
      let start = buffer.readerIndex
      batch.append(contentsOf: buffer.viewBytes(at: start, length: count) ?? ByteBufferView())
      buffer.moveReaderIndex(forwardBy: count)
      copyBytesLeft -= count
    }
    releaseIfEmpty()
    return batch.isEmpty ? nil : .copyData(batch)
  }

  /// An idle connection holds no buffer.
  private mutating func releaseIfEmpty() {
    if buffer.readableBytes == 0 { buffer = ByteBuffer() }
  }
}

extension FrontendMessage {
  fileprivate init(_ kind: MessageKind, reading reader: inout MessageReader) throws(SQLError) {
    switch kind {
    case .query: self = .query(try reader.string())
    case .parse: self = .request(try .parse(reading: &reader))
    case .bind: self = .request(.bind(try BindRequest(reading: &reader)))
    case .describe: self = .request(.describe(try .init(reading: &reader)))
    case .close: self = .request(.close(try .init(reading: &reader)))
    case .execute:
      let portal = try reader.string()
      self = .request(.execute(portal: portal, maxRows: max(0, Int(try reader.integer(as: Int32.self)))))
    case .sync: self = .sync
    case .flush: self = .flush
    case .terminate: self = .terminate
    case .copyDone: self = .copyDone
    case .copyFail: self = .copyFail(reason: try reader.string())
    case .copyData:
      self = .copyData(try reader.bytes(reader.bytesLeft))
      return
    case .functionCall:
      // Refused whatever it holds.
      self = .functionCall
      return
    case .password:
      self = .password(try reader.bytes(reader.bytesLeft))
      return
    }
    try reader.end()
  }
}

extension ExtendedRequest {
  fileprivate static func parse(reading reader: inout MessageReader) throws(SQLError) -> ExtendedRequest {
    let name = try reader.string()
    let sql = try reader.string()
    let count = try reader.count()
    guard count * 4 <= reader.bytesLeft else { throw MessageReader.tooShort }
    var types: [UInt32] = []
    types.reserveCapacity(count)
    for _ in 0..<count { types.append(try reader.integer()) }
    return .parse(name: name, sql: sql, parameterTypes: types)
  }
}

extension ExtendedRequest.Target {
  fileprivate init(reading reader: inout MessageReader) throws(SQLError) {
    let kind = try reader.integer(as: UInt8.self)
    let name = try reader.string()
    switch kind {
    case UInt8(ascii: "S"): self = .statement(name)
    case UInt8(ascii: "P"): self = .portal(name)
    default: throw SQLError(.protocolViolation, "invalid message subtype \(kind)")
    }
  }
}

extension BindRequest {
  fileprivate init(reading reader: inout MessageReader) throws(SQLError) {
    portal = try reader.string()
    statement = try reader.string()
    parameterFormats = try reader.formats()
    let count = try reader.count()
    // Each value has a length of four bytes at least, so a count that the body cannot hold reserves nothing.
    guard count * 4 <= reader.bytesLeft else { throw MessageReader.tooShort }
    guard parameterFormats.count <= 1 || parameterFormats.count == count else {
      throw SQLError(
        .protocolViolation,
        "bind message has \(parameterFormats.count) parameter formats but \(count) parameters")
    }
    parameters = []
    if count > 0 {
      var values = ParameterReader(reader.rest)
      parameters.reserveCapacity(count)
      for _ in 0..<count { parameters.append(try values.next()) }
      try reader.skip(values.offset)
    }
    resultFormats = try reader.formats()
  }
}

/// Cuts parameter values out of one array, so that they share its storage.
private struct ParameterReader {
  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func next() throws(SQLError) -> ArraySlice<UInt8>? {
    guard bytes.count - offset >= 4 else { throw MessageReader.tooShort }
    var pattern: UInt32 = 0
    for index in offset..<offset + 4 { pattern = pattern << 8 | UInt32(bytes[index]) }
    offset += 4
    let length = Int(Int32(bitPattern: pattern))
    if length == -1 { return nil }
    guard length >= 0 else {
      throw SQLError(.protocolViolation, "invalid length \(length) of a parameter value")
    }
    guard length <= bytes.count - offset else { throw MessageReader.tooShort }
    defer { offset += length }
    return bytes[offset..<offset + length]
  }
}
