import SQL
import Values

/// The server's side of one connection as a value: what each message means in each state, and what is answered.
///
/// No socket, no clock, no session. The shell feeds in what arrived and what the session said, and carries out the
/// effects in order. At most one effect of a call is a question to the session; it stands last, and its answer comes
/// back through `finished` or `failed`.
package struct ConnectionMachine: Sendable {
  package enum Phase: Hashable, Sendable {
    /// Holds the encryption requests that were answered with no: each may come once.
    case startup(refused: Set<StartupPacket.Encryption>)
    /// The startup packet is being checked, and proof of identity awaited where it is asked for.
    case authenticating
    /// Authenticated; the session is being made.
    case starting
    /// Nothing runs. The next message begins a cycle, which ends with ReadyForQuery.
    case ready
    case simpleQuery
    /// Behind an extended request, before its Sync.
    case extended
    /// An extended request failed: everything up to Sync is skipped.
    case discarding
    /// A statement waits for the client's rows.
    case copyIn(during: Cycle)
    case copyOut(during: Cycle)
    case closed
  }

  package enum Cycle: Hashable, Sendable {
    case simpleQuery
    case extended
  }

  package enum Effect: Sendable {
    /// One byte outside any message: the answer to an encryption request.
    case sendByte(UInt8)
    case send(BackendMessage)
    /// What was sent so far must leave soon.
    case flush
    case cancel(CancelKey)
    /// Decide whether this client may come in; then `authenticated` or `refused`.
    case authenticate(StartupRequest)
    /// Ask the session. The answers are `finished` and `failed`.
    case query(String)
    case request(ExtendedRequest)
    case sync
    /// Ask the session for its transaction status and send ReadyForQuery with it.
    case ready
    case copyBytes([UInt8])
    case copyEnd
    case copyFail(SQLError)
    case close
  }

  /// What the session answered.
  package enum Completion: Sendable {
    case query
    case parse
    case bind
    case close
    case describeStatement(StatementDescription)
    case describePortal([ResultColumn]?)
    case execute(ExecuteOutcome)
    case sync
  }

  package private(set) var phase: Phase = .startup(refused: [])

  package init() {}

  /// Whether a shutdown may end the connection without cutting anything short.
  package var isIdle: Bool {
    switch phase {
    case .ready, .startup, .authenticating: true
    case .starting, .simpleQuery, .extended, .discarding, .copyIn, .copyOut, .closed: false
    }
  }
}

// MARK: - Startup

extension ConnectionMachine {
  /// - Parameter bytesBehind: how much more has already arrived. Nobody who means to encrypt sends anything before the
  ///   answer, so bytes behind an encryption request are somebody's injection (CVE-2021-23214).
  package mutating func received(_ packet: StartupPacket, bytesBehind: Int, effects: inout [Effect]) {
    guard case .startup(var refused) = phase else {
      violated(WireViolation(SQLError(.protocolViolation, "startup packet out of place")), effects: &effects)
      return
    }
    switch packet {
    case .encryption(let encryption):
      guard bytesBehind == 0 else {
        let error = SQLError(
          .protocolViolation, "received unencrypted data after an encryption request",
          detail: "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.")
        violated(WireViolation(error), effects: &effects)
        return
      }
      guard refused.insert(encryption).inserted else {
        violated(WireViolation(SQLError(.protocolViolation, "repeated encryption request")), effects: &effects)
        return
      }
      phase = .startup(refused: refused)
      effects += [.sendByte(UInt8(ascii: "N")), .flush]
    case .cancel(let key):
      // Never answered: who does not own the key learns nothing.
      effects += [.cancel(key), .close]
      phase = .closed
    case .start(let request):
      if request.minorVersion > 0 || !request.unknownOptions.isEmpty {
        effects.append(.send(.negotiateProtocolVersion(unknownOptions: request.unknownOptions)))
      }
      phase = .authenticating
      effects.append(.authenticate(request))
    }
  }

  package mutating func authenticated(effects: inout [Effect]) {
    guard phase == .authenticating else { return }
    phase = .starting
    effects.append(.send(.authenticationOk))
  }

  /// The session exists.
  package mutating func started(
    key: CancelKey, reportedSettings: [(name: String, value: String)], effects: inout [Effect]
  ) {
    guard phase == .starting else { return }
    for setting in reportedSettings {
      effects.append(.send(.parameterStatus(name: setting.name, value: setting.value)))
    }
    effects += [.send(.backendKeyData(key)), .ready]
    phase = .ready
  }

  /// The client may not come in, or no session could be made, or the connection must end for another reason.
  package mutating func ended(_ error: SQLError, effects: inout [Effect]) {
    guard phase != .closed else { return }
    phase = .closed
    effects += [.send(.error(error, .fatal)), .flush, .close]
  }

  /// The client's bytes make no sense.
  package mutating func violated(_ violation: WireViolation, effects: inout [Effect]) {
    guard violation.isSilent else { return ended(violation.error, effects: &effects) }
    phase = .closed
    effects.append(.close)
  }
}

// MARK: - Messages

extension ConnectionMachine {
  package mutating func received(_ message: FrontendMessage, effects: inout [Effect]) {
    switch phase {
    case .ready, .extended: receivedBetweenStatements(message, effects: &effects)
    case .discarding: receivedWhileDiscarding(message, effects: &effects)
    case .copyIn: receivedDuringCopyIn(message, effects: &effects)
    case .startup, .authenticating, .starting, .simpleQuery, .copyOut:
      // The shell asks for the next message only when the last one is dealt with.
      violated(WireViolation(SQLError(.protocolViolation, "message out of place")), effects: &effects)
    case .closed: break
    }
  }

  private mutating func receivedBetweenStatements(_ message: FrontendMessage, effects: inout [Effect]) {
    switch message {
    case .query(let sql):
      phase = .simpleQuery
      effects.append(.query(sql))
    case .request(let request):
      phase = .extended
      effects.append(.request(request))
    case .sync: effects.append(.sync)
    case .flush: effects.append(.flush)
    case .terminate:
      phase = .closed
      effects.append(.close)
    case .copyData, .copyDone, .copyFail:
      // The rest of a COPY that failed while its rows were under way.
      break
    case .functionCall:
      phase = .simpleQuery
      failed(
        SQLError(.featureNotSupported, "function call messages are not supported", hint: "Use SELECT instead."),
        effects: &effects)
    case .password: violated(.unexpected(.password), effects: &effects)
    case .unreadable(let kind, let error):
      phase = kind.isExtended ? .extended : .simpleQuery
      failed(error, effects: &effects)
    }
  }

  private mutating func receivedWhileDiscarding(_ message: FrontendMessage, effects: inout [Effect]) {
    switch message {
    case .sync, .unreadable(.sync, _): effects.append(.sync)
    case .terminate:
      phase = .closed
      effects.append(.close)
    case .password: violated(.unexpected(.password), effects: &effects)
    case .query, .request, .flush, .copyData, .copyDone, .copyFail, .functionCall, .unreadable: break
    }
  }

  private mutating func receivedDuringCopyIn(_ message: FrontendMessage, effects: inout [Effect]) {
    guard case .copyIn(let cycle) = phase else { return }
    switch message {
    case .copyData(let bytes): effects.append(.copyBytes(bytes))
    case .copyDone:
      resume(cycle)
      effects.append(.copyEnd)
    case .copyFail(let reason):
      resume(cycle)
      effects.append(.copyFail(SQLError(.queryCanceled, "COPY from stdin failed: \(reason)")))
    case .unreadable(.copyFail, let error):
      resume(cycle)
      effects.append(.copyFail(error))
    case .flush, .sync:
      // Ignored, so that a client may send them without knowing whether its statement is a COPY.
      break
    case .unreadable(let kind, _): violated(.unexpectedInCopy(kind), effects: &effects)
    case .query: violated(.unexpectedInCopy(.query), effects: &effects)
    case .request(let request): violated(.unexpectedInCopy(request.kind), effects: &effects)
    case .functionCall: violated(.unexpectedInCopy(.functionCall), effects: &effects)
    case .password: violated(.unexpectedInCopy(.password), effects: &effects)
    case .terminate: violated(.unexpectedInCopy(.terminate), effects: &effects)
    }
  }

  private mutating func resume(_ cycle: Cycle) {
    switch cycle {
    case .simpleQuery: phase = .simpleQuery
    case .extended: phase = .extended
    }
  }
}

// MARK: - The session's answers

extension ConnectionMachine {
  package mutating func finished(_ completion: Completion, effects: inout [Effect]) {
    guard phase != .closed else { return }
    switch completion {
    case .query:
      phase = .ready
      effects.append(.ready)
    case .parse: effects.append(.send(.parseComplete))
    case .bind: effects.append(.send(.bindComplete))
    case .close: effects.append(.send(.closeComplete))
    case .describeStatement(let description):
      effects.append(.send(.parameterDescription(description.parameterTypes)))
      effects.append(.send(description.columns.map { .rowDescription($0) } ?? .noData))
    case .describePortal(let columns):
      effects.append(.send(columns.map { .rowDescription($0) } ?? .noData))
    case .execute(let outcome):
      phase = .extended
      effects.append(.send(BackendMessage(outcome)))
    case .sync:
      phase = .ready
      effects.append(.ready)
    }
  }

  package mutating func failed(_ error: SQLError, effects: inout [Effect]) {
    if error.state.endsConnection { return ended(error, effects: &effects) }
    switch phase {
    case .simpleQuery, .ready, .copyIn(during: .simpleQuery), .copyOut(during: .simpleQuery):
      phase = .ready
      effects += [.send(.error(error, .error)), .ready]
    case .extended, .copyIn(during: .extended), .copyOut(during: .extended):
      phase = .discarding
      effects.append(.send(.error(error, .error)))
    case .discarding: break
    case .startup, .authenticating, .starting: ended(error, effects: &effects)
    case .closed: break
    }
  }

  /// Sync failed: the implicit transaction did not commit.
  package mutating func syncFailed(_ error: SQLError, effects: inout [Effect]) {
    if phase == .closed { return }
    phase = .ready
    failed(error, effects: &effects)
  }

  // MARK: COPY, as the running statement asks for it

  /// - Returns: whether a COPY can begin: a statement runs, and no other COPY.
  package mutating func copyInBegan(_ format: DataFormat, columnCount: Int, effects: inout [Effect]) -> Bool {
    guard let cycle = runningCycle else { return false }
    phase = .copyIn(during: cycle)
    effects += [.send(.copyInResponse(format, columnCount: columnCount)), .flush]
    return true
  }

  package mutating func copyOutBegan(_ format: DataFormat, columnCount: Int, effects: inout [Effect]) -> Bool {
    guard let cycle = runningCycle else { return false }
    phase = .copyOut(during: cycle)
    effects.append(.send(.copyOutResponse(format, columnCount: columnCount)))
    return true
  }

  package mutating func copyOutEnded(effects: inout [Effect]) {
    guard case .copyOut(let cycle) = phase else { return }
    resume(cycle)
    effects.append(.send(.copyDone))
  }

  private var runningCycle: Cycle? {
    switch phase {
    case .simpleQuery: .simpleQuery
    case .extended: .extended
    case .startup, .authenticating, .starting, .ready, .discarding, .copyIn, .copyOut, .closed: nil
    }
  }
}

extension BackendMessage {
  fileprivate init(_ outcome: ExecuteOutcome) {
    switch outcome {
    case .complete(let tag): self = .commandComplete(tag: tag)
    case .suspended: self = .portalSuspended
    case .empty: self = .emptyQueryResponse
    }
  }
}

extension SQLState {
  /// Operator intervention and the end of a transaction's time: PostgreSQL sends these as FATAL.
  fileprivate var endsConnection: Bool {
    self == .adminShutdown || self == "57P02" || self == .cannotConnectNow || self == "25P03" || self == "25P04"
  }
}

extension WireViolation {
  fileprivate static func unexpected(_ kind: MessageKind) -> WireViolation {
    WireViolation(SQLError(.protocolViolation, "invalid frontend message type \(kind.rawValue)"))
  }

  fileprivate static func unexpectedInCopy(_ kind: MessageKind) -> WireViolation {
    let code = String(kind.rawValue, radix: 16, uppercase: true)
    return WireViolation(
      SQLError(.protocolViolation, "unexpected message type 0x\(code) during COPY from stdin"))
  }
}

extension ExtendedRequest {
  fileprivate var kind: MessageKind {
    switch self {
    case .parse: .parse
    case .bind: .bind
    case .describe: .describe
    case .execute: .execute
    case .close: .close
    }
  }
}
