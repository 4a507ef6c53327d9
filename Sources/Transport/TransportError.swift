import Keys

/// Why a call has no answer. The cases differ in what the caller may do next: where `mayHaveRun` is false, or there is
/// no such flag, the request did not run and can be sent again, here or elsewhere.
package enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no connection to the node; nothing was sent.
  case unreachable(NodeID)
  /// No answer within the time given. `mayHaveRun`: the request had left, so its fate is unknown.
  case timedOut(mayHaveRun: Bool)
  /// The connection broke before the answer came. `mayHaveRun` as above.
  case disconnected(mayHaveRun: Bool)
  /// The other node will not serve the request: it has no such service, or finds our clock wrong.
  case refused(reason: String)
  /// Too much is waiting, on this side or on the other.
  case overloaded
  /// The handler ran and threw. `code` 0 stands for an error that is not a `RemoteFailure`.
  case remote(code: UInt16, message: String)
  /// The calling task was cancelled. The request may have run.
  case cancelled

  package var description: String {
    switch self {
    case .unreachable(let node): "\(node) cannot be reached"
    case .timedOut(let mayHaveRun): "no answer in time; \(fate(mayHaveRun))"
    case .disconnected(let mayHaveRun): "the connection broke; \(fate(mayHaveRun))"
    case .refused(let reason): "refused: \(reason)"
    case .overloaded: "too many requests are waiting"
    case .remote(let code, let message): "the other node failed (code \(code)): \(message)"
    case .cancelled: "cancelled"
    }
  }

  private func fate(_ mayHaveRun: Bool) -> String {
    mayHaveRun ? "the request may have run" : "the request did not leave"
  }
}

/// What a request handler throws to send a coded error to its caller, who gets `TransportError.remote`.
package struct RemoteFailure: Error, Hashable, Sendable {
  package var code: UInt16
  package var message: String

  package init(code: UInt16, message: String) {
    self.code = code
    self.message = message
  }
}

// On the wire: the code, then the message in UTF-8.
extension RemoteFailure {
  /// Longer messages are cut.
  private static let messageBytesMax = 4096

  func encoded() -> [UInt8] {
    [UInt8(truncatingIfNeeded: code), UInt8(truncatingIfNeeded: code >> 8)]
      + message.utf8.prefix(Self.messageBytesMax)
  }

  /// Nil if the bytes are none. A message that was cut inside a character is mended.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= 2 else { return nil }
    self.init(code: UInt16(bytes[0]) | UInt16(bytes[1]) << 8, message: String(decoding: bytes[2...], as: UTF8.self))
  }
}
