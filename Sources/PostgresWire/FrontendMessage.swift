import SQL
import Values

/// A message of a client whose startup is over (PostgreSQL manual, 55.7 "Message Formats").
package enum FrontendMessage: Hashable, Sendable {
  case query(String)
  case request(ExtendedRequest)
  case sync
  case flush
  case terminate
  /// Bytes of one CopyData message, of several in a row, or of a part of one: COPY does not look at their bounds.
  case copyData([UInt8])
  case copyDone
  case copyFail(reason: String)
  case functionCall
  /// Type `p`: a password or a SASL message; which one depends on what was asked.
  case password([UInt8])
  /// A whole message whose body cannot be read. The stream is still in sync behind it.
  case unreadable(MessageKind, SQLError)
}

/// The requests of the extended query protocol that end with an answer of their own.
package enum ExtendedRequest: Hashable, Sendable {
  case parse(name: String, sql: String, parameterTypes: [UInt32])
  case bind(BindRequest)
  case describe(Target)
  /// At most `maxRows` rows; 0 means all.
  case execute(portal: String, maxRows: Int)
  case close(Target)

  package enum Target: Hashable, Sendable {
    case statement(String)
    case portal(String)
  }
}

package struct BindRequest: Hashable, Sendable {
  package var portal: String
  package var statement: String
  /// Codes of `DataFormat`: none, one for all, or one each.
  package var parameterFormats: [DataFormat]
  /// Slices of the message's one array; nil is NULL.
  package var parameters: [ArraySlice<UInt8>?]
  package var resultFormats: [DataFormat]
}

/// The first byte of a message from a client.
package enum MessageKind: UInt8, Hashable, Sendable {
  case bind = 0x42  // B
  case close = 0x43  // C
  case copyData = 0x64  // d
  case copyDone = 0x63  // c
  case copyFail = 0x66  // f
  case describe = 0x44  // D
  case execute = 0x45  // E
  case flush = 0x48  // H
  case functionCall = 0x46  // F
  case parse = 0x50  // P
  case password = 0x70  // p
  case query = 0x51  // Q
  case sync = 0x53  // S
  case terminate = 0x58  // X

  /// Whether its body is short by nature, so that a long one means a broken stream (PostgreSQL's limit is the same).
  var isSmall: Bool {
    switch self {
    case .close, .copyDone, .copyFail, .describe, .execute, .flush, .sync, .terminate: true
    case .bind, .copyData, .functionCall, .parse, .password, .query: false
    }
  }

  /// Whether an error in it makes the server skip what follows up to Sync.
  var isExtended: Bool {
    switch self {
    case .bind, .close, .describe, .execute, .flush, .parse: true
    case .copyData, .copyDone, .copyFail, .functionCall, .password, .query, .sync, .terminate: false
    }
  }
}

/// The stream cannot be followed any more, or must not be: the client hears `error` as FATAL, if it can, and the
/// connection closes.
package struct WireViolation: Error, Hashable, Sendable {
  package var error: SQLError
  /// Whatever sent this does not speak the protocol: it gets no answer.
  package var isSilent: Bool

  package init(_ error: SQLError, isSilent: Bool = false) {
    self.error = error
    self.isSilent = isSilent
  }
}
