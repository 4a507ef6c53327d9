import Foundation

/// Bytes to a port, without a client library in between.
enum Wire {
  struct SocketError: Error {}

  /// A connection by TCP to this machine; it closes itself. Neither sending nor receiving waits for more than 2 s.
  final class Socket {
    private let descriptor: Int32

    init(port: Int) throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else { throw SocketError() }
      var limit = timeval(tv_sec: 2, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else {
        close(descriptor)
        throw SocketError()
      }
    }

    deinit { close(descriptor) }

    /// Sends what the other side takes; it may close at any time.
    func send(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return }
        rest.removeFirst(count)
      }
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// What comes until a message of a type is whole, or as below.
    func receive(through type: Character) -> [UInt8] {
      var received: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65536)
      while !Wire.messages(in: received).contains(where: { $0.type == type }) {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        received += buffer[..<count]
      }
      return received
    }

    /// What comes until the other side closes, is silent for 2 s, or has sent a megabyte.
    func receive() -> [UInt8] {
      var received: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65536)
      while received.count < 1 << 20 {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        received += buffer[..<count]
      }
      return received
    }
  }

  /// The process id and the secret in a server's greeting (message BackendKeyData).
  static func backendKey(in bytes: [UInt8]) -> (process: UInt32, secret: UInt32)? {
    for message in messages(in: bytes) where message.type == "K" && message.body.count == 8 {
      func word(_ offset: Int) -> UInt32 { message.body[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
      return (word(0), word(4))
    }
    return nil
  }

  /// The whole messages of a server.
  static func messages(in bytes: [UInt8]) -> [(type: Character, body: [UInt8])] {
    var messages: [(Character, [UInt8])] = []
    var rest = bytes[...]
    while rest.count >= 5 {
      let start = rest.startIndex
      let length = rest[(start + 1)..<(start + 5)].reduce(0) { $0 << 8 | Int($1) }
      guard length >= 4, rest.count > length else { break }
      messages.append((Character(UnicodeScalar(rest[start])), Array(rest[(start + 5)..<(start + 1 + length)])))
      rest = rest[(start + 1 + length)...]
    }
    return messages
  }

  /// The whole answer to `GET /page`.
  static func http(_ port: Int, _ page: String) throws -> String {
    let socket = try Socket(port: port)
    socket.send(Array("GET /\(page) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
    return String(decoding: socket.receive(), as: UTF8.self)
  }

  /// PostgreSQL's start of a session, protocol 3.0.
  static func startup() -> [UInt8] {
    let body = integer(196_608) + Array("user\0apus\0database\0apus\0\0".utf8)
    return integer(UInt32(body.count + 4)) + body
  }

  static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
    [type.asciiValue ?? 0] + integer(UInt32(body.count + 4)) + body
  }

  /// Four bytes, the high one first.
  static func integer(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
}
