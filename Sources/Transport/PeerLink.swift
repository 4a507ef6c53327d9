import Coding
import DequeModule
import Keys
import Runtime

/// The connection that this node dials to one peer, for its own posts and calls.
///
///             dial            connected           welcome
///     away ────────► dialing ────────► greeting ─────────► ready
///      ▲                │                 │                  │
///      └────────────────┴─────────────────┴──────────────────┘
///                 failed, refused, broken, silent
///
/// A healthy link that breaks is dialed again at once; after that the pauses grow.
final class PeerLink: @unchecked Sendable {
  // `@unchecked`: confined to the transport's loop.

  private enum Phase {
    /// Until the timer dials again.
    case away(retry: (any ScheduledWork)?)
    case dialing(attempt: UInt64)
    case greeting(FrameStream, timeout: any ScheduledWork)
    case ready(FrameStream)
    case stopped
  }

  let node: NodeID
  private(set) var address: Address
  private let core: TransportCore
  private let meter: PeerMeter

  private var phase = Phase.away(retry: nil)
  private var attempts: UInt64 = 0
  /// Attempts that failed since the peer last answered a ping.
  private var failures = 0

  private var calls: [UInt64: OutgoingCall] = [:]
  private var nextCallID: UInt64 = 1
  /// Calls that came while the connection was being made, oldest first.
  private var waitingCalls: [OutgoingCall] = []
  private var posts = Deque<(channel: UInt8, payload: [UInt8])>()
  private var postBytes = 0
  /// This much of the posts is turned into frames at a time; the rest can still be dropped if newer ones come.
  private static let batchBytes = 256 << 10

  init(node: NodeID, address: Address, core: TransportCore, meter: PeerMeter) {
    self.node = node
    self.address = address
    self.core = core
    self.meter = meter
    meter.update { $0.address = "\(address)" }
  }

  // MARK: Dialing

  func dial() {
    guard case .away = phase else { return }
    attempts += 1
    let attempt = attempts
    phase = .dialing(attempt: attempt)
    let (address, core) = (address, core)
    core.loop.spawn { [self] in
      do {
        let connection = try await core.runtime.network.connect(
          to: address, loop: core.loop, timeoutNanoseconds: core.settings.connectTimeoutNanoseconds)
        connected(connection, attempt: attempt)
      } catch {
        dialFailed("cannot connect to \(address): \(error)", attempt: attempt)
      }
    }
  }

  private func dialFailed(_ reason: String, attempt: UInt64) {
    guard case .dialing(attempt) = phase else { return }
    lost(reason)
  }

  private func connected(_ connection: any Connection, attempt: UInt64) {
    guard case .dialing(attempt) = phase else {
      // The link was stopped, or got another address, meanwhile.
      connection.close()
      return
    }
    let stream = FrameStream(connection, loop: core.loop, clock: core.runtime.clock)
    let timeout = core.loop.schedule(after: core.settings.connectTimeoutNanoseconds) {
      stream.close(because: "no handshake in time")
    }
    phase = .greeting(stream, timeout: timeout)
    stream.start(
      onFrame: { [self] frame in received(frame, on: stream) },
      onEnd: { [self] reason in ended(stream, reason) })
    let introduction = Introduction(identity: core.identity, recipient: node)
    stream.send(Frame(kind: .hello, time: core.clock.now(), payload: introduction.encoded()))
  }

  private func ended(_ stream: FrameStream, _ reason: String) {
    switch phase {
    case .greeting(let current, let timeout) where current === stream:
      timeout.cancel()
      lost(reason)
    case .ready(let current) where current === stream: lost(reason)
    case .greeting, .ready, .away, .dialing, .stopped: break
    }
  }

  /// The connection, or the attempt to make one, is gone: what waits for it fails, and the next attempt is planned.
  private func lost(_ reason: String) {
    let wasReady: FrameStream? = if case .ready(let stream) = phase { stream } else { nil }
    phase = .away(retry: nil)
    meter.update { status in
      status.lastError = reason
      if wasReady != nil { status.disconnected(at: core.now) }
    }
    core.report(
      "\(node)/lost", wasReady == nil ? "no connection to a peer" : "the connection to a peer broke",
      ["node": "\(node)", "reason": "\(reason)"])
    failEverything(after: wasReady)
    if wasReady != nil { core.announce(node, .disconnected(reason: reason)) }
    guard case .away(nil) = phase else { return }

    let pause = nextPause()
    failures += 1
    phase = .away(retry: core.loop.schedule(after: pause) { [self] in dial() })
  }

  /// Zero after the loss of a healthy link; then from the shortest pause to the longest, half of it by chance.
  private func nextPause() -> UInt64 {
    if failures == 0 { return 0 }
    let (shortest, longest) = (
      core.settings.reconnectDelayNanoseconds, core.settings.reconnectDelayMaxNanoseconds
    )
    let doubled = shortest.multipliedReportingOverflow(by: 1 << UInt64(min(failures - 1, 30)))
    let pause = doubled.overflow ? longest : min(longest, doubled.partialValue)
    return pause / 2 + core.runtime.random.below(pause / 2 + 1)
  }

  private func failEverything(after stream: FrameStream?) {
    meter.update { [dropped = posts.count] in $0.postsDropped += UInt64(dropped) }
    posts.removeAll()
    postBytes = 0
    let waiting = waitingCalls
    waitingCalls = []
    // A dictionary's order differs from run to run, and what is resumed first would run first.
    let sent = calls.values.sorted { $0.id < $1.id }
    calls = [:]
    for call in waiting { call.finish(.failure(.unreachable(node))) }
    for call in sent {
      call.finish(.failure(.disconnected(mayHaveRun: stream.map { hasLeft(call, on: $0) } ?? false)))
    }
  }

  func stop(because reason: String) {
    let before = phase
    phase = .stopped
    switch before {
    case .away(let retry): retry?.cancel()
    case .dialing, .stopped: break
    case .greeting(let stream, let timeout):
      timeout.cancel()
      stream.close(because: reason)
    case .ready(let stream):
      stream.close(because: reason)
      failEverything(after: stream)
      core.announce(node, .disconnected(reason: reason))
    }
    failEverything(after: nil)
  }

  // MARK: Frames

  private func received(_ frame: Frame, on stream: FrameStream) {
    switch phase {
    case .greeting(let current, let timeout) where current === stream:
      timeout.cancel()
      greeted(frame, on: stream)
    case .ready(let current) where current === stream: answered(frame, on: stream)
    case .greeting, .ready, .away, .dialing, .stopped: break
    }
  }

  private func greeted(_ frame: Frame, on stream: FrameStream) {
    switch frame.kind {
    case .welcome:
      let introduction: Introduction
      do throws(CodingError) {
        introduction = try Introduction(decoding: frame.payload)
      } catch {
        return stream.close(because: "a handshake that cannot be read: \(error)")
      }
      if let objection = core.objection(to: introduction, expecting: node) {
        core.report("\(node)/handshake", "refused \(node)", ["reason": "\(objection)"])
        return stream.close(because: "refused: \(objection)")
      }
      ready(stream, introduction.identity)
    case .refusal:
      let reason = String(decoding: frame.payload.prefix(Introduction.bytesMax), as: UTF8.self)
      core.report("\(node)/handshake", "\(node) refused this node", ["reason": "\(reason)"])
      stream.close(because: "\(node) refused: \(reason)")
    case .hello, .ping, .pong, .post, .request, .response, .cancel:
      stream.close(because: "a \(frame.kind) in place of a handshake")
    }
  }

  private func ready(_ stream: FrameStream, _ identity: NodeIdentity) {
    phase = .ready(stream)
    stream.admitPayloads(upTo: core.settings.payloadBytesMax)
    stream.onDrained = { [self] in writePosts(on: stream) }
    meter.update { status in
      status.isConnected = true
      status.incarnation = identity.incarnation
      status.sinceNanoseconds = core.now
    }
    ping(stream)
    let waiting = waitingCalls
    waitingCalls = []
    for call in waiting where !call.isFinished { write(call, on: stream) }
    writePosts(on: stream)
    core.logger.info("connected to a peer", metadata: ["node": "\(node)", "address": "\(address)"])
    core.announce(node, .connected(incarnation: identity.incarnation))
  }

  private func answered(_ frame: Frame, on stream: FrameStream) {
    switch frame.kind {
    case .response:
      let isAdmitted = core.admit(frame.time, from: node, meter)
      // An answer that comes after its call has ended finds nobody.
      guard let call = calls.removeValue(forKey: frame.id) else { return }
      call.finish(isAdmitted ? answer(frame) : .failure(.disconnected(mayHaveRun: true)))
    case .pong:
      failures = 0
      _ = core.admit(frame.time, from: node, meter)
      measure(frame, on: stream)
    case .hello, .welcome, .refusal, .ping, .post, .request, .cancel:
      stream.close(because: "a \(frame.kind) on a connection that this node dialed")
    }
  }

  private func answer(_ frame: Frame) -> OutgoingCall.Answer {
    switch ResponseStatus(rawValue: frame.selector) {
    case .answer: return .success(frame.payload)
    case .failure:
      guard let failure = RemoteFailure(decoding: frame.payload) else {
        return .failure(.remote(code: 0, message: "a failure that cannot be read"))
      }
      return .failure(.remote(code: failure.code, message: failure.message))
    case .overloaded: return .failure(.overloaded)
    case .refused: return .failure(.refused(reason: String(decoding: frame.payload, as: UTF8.self)))
    case nil: return .failure(.remote(code: 0, message: "a response of unknown status \(frame.selector)"))
    }
  }

  // MARK: Keepalive

  /// Asks the peer for a sign of life, or gives the connection up if there was none for too long.
  func tick(now: UInt64, forgiveSilence: Bool) {
    guard case .ready(let stream) = phase else { return }
    if forgiveSilence { stream.forgiveSilence() }
    let silence = now &- min(now, stream.lastLifeNanoseconds)
    if silence > core.settings.silenceMaxNanoseconds {
      return stream.close(because: "nothing was heard for \(silence / 1_000_000) ms")
    }
    ping(stream)
    meter.update { status in
      status.bytesSent = stream.bytesSent
      status.bytesReceived = stream.bytesReceived
    }
  }

  private func ping(_ stream: FrameStream) {
    stream.send(Frame(kind: .ping, id: core.now, time: core.clock.now()))
  }

  private func measure(_ pong: Frame, on stream: FrameStream) {
    let now = core.now
    // The id comes back from outside: only a time that this link can have sent counts.
    guard pong.id <= now, now - pong.id < 3_600_000_000_000 else { return }
    let roundTrip = now - pong.id
    let wall = Int64(clamping: core.runtime.clock.wallMicroseconds())
    // The peer looked at its clock about half a round trip ago.
    let offset = Int64(clamping: pong.argument)
      .addingReportingOverflow(Int64(clamping: roundTrip / 2000)).partialValue
      .subtractingReportingOverflow(wall).partialValue
    meter.update { status in
      status.roundTripNanoseconds = status.roundTripNanoseconds.map { ($0 * 7 + roundTrip) / 8 } ?? roundTrip
      status.clockOffsetMicroseconds = offset
      status.bytesSent = stream.bytesSent
      status.bytesReceived = stream.bytesReceived
    }
  }

  // MARK: Posts

  func post(_ payload: [UInt8], channel: UInt8) {
    switch phase {
    case .away, .stopped: meter.update { $0.postsDropped += 1 }
    case .dialing, .greeting: queue(payload, channel)
    case .ready(let stream):
      if posts.isEmpty, stream.isWritable, stream.backlogBytes < Self.batchBytes {
        write(payload, channel, on: stream)
      } else {
        queue(payload, channel)
      }
    }
  }

  private func queue(_ payload: [UInt8], _ channel: UInt8) {
    posts.append((channel, payload))
    postBytes += payload.count
    while posts.count > core.settings.queuedPostsMax || postBytes > core.settings.queuedPostBytesMax,
      let oldest = posts.popFirst()
    {
      postBytes -= oldest.payload.count
      meter.update { $0.postsDropped += 1 }
    }
  }

  private func writePosts(on stream: FrameStream) {
    while stream.backlogBytes < Self.batchBytes, let post = posts.popFirst() {
      postBytes -= post.payload.count
      write(post.payload, post.channel, on: stream)
    }
  }

  private func write(_ payload: [UInt8], _ channel: UInt8, on stream: FrameStream) {
    stream.send(Frame(kind: .post, selector: channel, time: core.clock.now(), payload: payload))
  }

  // MARK: Calls

  func begin(_ call: OutgoingCall) {
    guard calls.count + waitingCalls.count < core.settings.callsInFlightMax else {
      return call.finish(.failure(.overloaded))
    }
    switch phase {
    case .away, .stopped: return call.finish(.failure(.unreachable(node)))
    case .dialing, .greeting: waitingCalls.append(call)
    case .ready(let stream):
      guard stream.backlogBytes < core.settings.queuedBytesMax else { return call.finish(.failure(.overloaded)) }
      write(call, on: stream)
    }
    let now = core.now
    let left = call.deadlineNanoseconds > now ? call.deadlineNanoseconds - now : 0
    call.timer = core.loop.schedule(after: left) { [self] in end(call) { .timedOut(mayHaveRun: $0) } }
  }

  private func write(_ call: OutgoingCall, on stream: FrameStream) {
    let now = core.now
    let left = call.deadlineNanoseconds > now ? call.deadlineNanoseconds - now : 0
    call.id = nextCallID
    nextCallID += 1
    call.writtenAfterFlushes = stream.flushes
    calls[call.id] = call
    stream.send(
      Frame(
        kind: .request, selector: call.service, id: call.id, time: core.clock.now(), argument: left,
        payload: call.payload))
    call.payload = []
  }

  /// Ends a call before its answer, and tells the peer.
  func end(_ call: OutgoingCall, _ error: (_ mayHaveRun: Bool) -> TransportError) {
    if call.isFinished { return }
    var mayHaveRun = false
    if case .ready(let stream) = phase, calls[call.id] === call {
      calls[call.id] = nil
      // It has left, or leaves with the next flush: nobody takes a frame out of the buffer again.
      mayHaveRun = true
      stream.send(Frame(kind: .cancel, id: call.id, time: core.clock.now()))
    } else {
      waitingCalls.removeAll { $0 === call }
    }
    call.finish(.failure(error(mayHaveRun)))
  }

  private func hasLeft(_ call: OutgoingCall, on stream: FrameStream) -> Bool {
    call.writtenAfterFlushes.map { stream.flushes > $0 } ?? false
  }
}

extension PeerStatus {
  fileprivate mutating func disconnected(at now: UInt64) {
    isConnected = false
    sinceNanoseconds = now
    roundTripNanoseconds = nil
    clockOffsetMicroseconds = nil
  }
}
