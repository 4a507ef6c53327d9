import Keys
import Runtime

/// A connection that a peer dialed: its posts and requests come in, our answers go out.
final class AcceptedLink: @unchecked Sendable {
  // `@unchecked`: confined to the transport's loop.

  private enum Phase {
    /// The other side has not said who it is.
    case stranger(timeout: (any ScheduledWork)?)
    case ready(NodeIdentity, PeerMeter?)
    case over
  }

  /// Counts accepted connections; orders them.
  let number: UInt64
  private let core: TransportCore
  private let stream: FrameStream
  private var phase = Phase.stranger(timeout: nil)
  private var running: [UInt64: RequestContext] = [:]

  init(_ connection: any Connection, number: UInt64, core: TransportCore) {
    self.number = number
    self.core = core
    stream = FrameStream(connection, loop: core.loop, clock: core.runtime.clock)
  }

  var identity: NodeIdentity? { if case .ready(let identity, _) = phase { identity } else { nil } }

  func start(onEnd: @escaping () -> Void) {
    phase = .stranger(
      timeout: core.loop.schedule(after: core.settings.connectTimeoutNanoseconds) { [self] in
        if case .stranger = phase { stream.close(because: "no handshake in time") }
      })
    stream.start(
      onFrame: { [self] in received($0) },
      onEnd: { [self] reason in
        ended(reason)
        onEnd()
      })
  }

  func close(because reason: String) { stream.close(because: reason) }

  private func ended(_ reason: String) {
    if case .stranger(let timeout) = phase { timeout?.cancel() }
    core.logger.debug("accepted connection ended", metadata: ["from": "\(stream.remote)", "reason": "\(reason)"])
    phase = .over
    // Nobody is left to take the answers. Sorted, since a dictionary's order differs from run to run.
    let cancelled = running.sorted { $0.key < $1.key }
    running = [:]
    for (_, context) in cancelled { context.cancel() }
  }

  private func received(_ frame: Frame) {
    switch phase {
    case .stranger(let timeout):
      timeout?.cancel()
      greeted(frame)
    case .ready(let identity, let meter): handle(frame, from: identity.node, meter)
    case .over: break
    }
  }

  private func greeted(_ frame: Frame) {
    guard frame.kind == .hello, let introduction = try? Introduction(decoding: frame.payload) else {
      core.report("stranger", "a connection that does not speak this protocol", ["from": "\(stream.remote)"])
      return stream.close(because: "not this protocol")
    }
    if let objection = core.objection(to: introduction, expecting: nil) {
      core.report(
        "\(introduction.identity.node)/handshake", "refused a node",
        [
          "from": "\(stream.remote)", "node": "\(introduction.identity.node)", "reason": "\(objection)",
        ])
      stream.send(Frame(kind: .refusal, time: core.clock.now(), payload: Array(objection.utf8.prefix(512))))
      return stream.close(because: objection)
    }
    phase = .ready(introduction.identity, core.meter(of: introduction.identity.node))
    stream.admitPayloads(upTo: core.settings.payloadBytesMax)
    let own = Introduction(identity: core.identity, recipient: introduction.identity.node)
    stream.send(Frame(kind: .welcome, time: core.clock.now(), payload: own.encoded()))
    core.introduced(self, introduction.identity)
  }

  private func handle(_ frame: Frame, from node: NodeID, _ meter: PeerMeter?) {
    switch frame.kind {
    case .post:
      guard core.admit(frame.time, from: node, meter) else { return }
      core.handlers.post(frame.selector)?.deliver(from: node, frame.payload)
    case .request:
      guard core.admit(frame.time, from: node, meter) else {
        return respond(frame.id, .refused, Array("the clock of \(node) is too far ahead".utf8))
      }
      run(frame, from: node)
    case .cancel:
      running.removeValue(forKey: frame.id)?.cancel()
    case .ping:
      _ = core.admit(frame.time, from: node, meter)
      let wall = core.runtime.clock.wallMicroseconds()
      stream.send(Frame(kind: .pong, id: frame.id, time: core.clock.now(), argument: wall))
    case .hello, .welcome, .refusal, .pong, .response:
      stream.close(because: "a \(frame.kind) on a connection that \(node) dialed")
    }
  }

  private func run(_ frame: Frame, from node: NodeID) {
    guard running[frame.id] == nil else { return stream.close(because: "request \(frame.id) came twice") }
    guard running.count < core.settings.requestsRunningMax else { return respond(frame.id, .overloaded) }
    guard let handler = core.handlers.request(frame.selector) else {
      return respond(frame.id, .refused, Array("there is no service \(frame.selector)".utf8))
    }
    if let answer = handler.answerAtOnce(from: node, frame.payload), answer.count <= core.settings.payloadBytesMax {
      return respond(frame.id, .answer, answer)
    }
    let (deadline, overflow) = core.now.addingReportingOverflow(frame.argument)
    let context = RequestContext(deadlineNanoseconds: overflow ? .max : deadline)
    running[frame.id] = context
    let (id, core) = (frame.id, core)
    handler.run(from: node, frame.payload, context: context) { [self] outcome in
      core.onLoop { self.finished(id, context, outcome) }
    }
  }

  private func finished(_ id: UInt64, _ context: RequestContext, _ outcome: Outcome) {
    context.finish()
    // A cancelled request left the table; nobody waits for its answer.
    guard let current = running[id], current === context else { return }
    running[id] = nil
    switch outcome {
    case .answer(let payload) where payload.count > core.settings.payloadBytesMax:
      let failure = RemoteFailure(code: 0, message: "an answer of \(payload.count) bytes is too long")
      respond(id, .failure, failure.encoded())
    case .answer(let payload): respond(id, .answer, payload)
    case .failure(let failure): respond(id, .failure, failure.encoded())
    }
  }

  private func respond(_ id: UInt64, _ status: ResponseStatus, _ payload: [UInt8] = []) {
    stream.send(Frame(kind: .response, selector: status.rawValue, id: id, time: core.clock.now(), payload: payload))
    if stream.backlogBytes / 4 > core.settings.queuedBytesMax {
      stream.close(because: "\(stream.backlogBytes) bytes of answers are not taken")
    }
  }

  /// Gives up a connection without a sign of life, and requests whose callers have stopped waiting.
  func tick(now: UInt64, forgiveSilence: Bool) {
    guard case .ready = phase else { return }
    if forgiveSilence { stream.forgiveSilence() }
    let silence = now &- min(now, stream.lastLifeNanoseconds)
    if silence > core.settings.silenceMaxNanoseconds {
      return stream.close(because: "nothing was heard for \(silence / 1_000_000) ms")
    }
    let late = running.filter { $0.value.deadlineNanoseconds < now }.sorted { $0.key < $1.key }
    for (id, context) in late {
      running[id] = nil
      context.cancel()
    }
  }
}
