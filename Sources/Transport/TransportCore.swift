import Keys
import Logging
import Runtime
import Synchronization

/// What the links of one transport share.
final class TransportCore: @unchecked Sendable {
  // `@unchecked`: the constants are Sendable; `limiter`, `newestIncarnations` and the two hooks are touched only on
  // `loop`, the hooks being set once before anything starts.

  let identity: NodeIdentity
  let runtime: Runtime
  let loop: any Loop
  let clock: HybridClock
  let settings: TransportSettings
  let handlers = Handlers()
  let logger: Logger
  private let verifyPeer: @Sendable (NodeIdentity) -> PeerVerdict
  private let observers = Mutex<[@Sendable (NodeID, PeerChange) -> Void]>([])
  private let meters = Mutex<[NodeID: PeerMeter]>([:])
  private var limiter = LogLimiter()
  /// Of each node that came in, its newest incarnation: an older one is a ghost.
  private var newestIncarnations: [NodeID: UInt64] = [:]
  var introduced: (AcceptedLink, NodeIdentity) -> Void = { _, _ in }

  init(
    identity: NodeIdentity, runtime: Runtime, loop: any Loop, clock: HybridClock, settings: TransportSettings,
    logger: Logger, verifyPeer: @escaping @Sendable (NodeIdentity) -> PeerVerdict
  ) {
    self.identity = identity
    self.runtime = runtime
    self.loop = loop
    self.clock = clock
    var settings = settings
    settings.payloadBytesMax = min(settings.payloadBytesMax, FrameDecoder.payloadBytesLimit)
    self.settings = settings
    self.logger = logger
    self.verifyPeer = verifyPeer
  }

  var now: UInt64 { runtime.clock.monotonicNanoseconds() }

  func onLoop(_ body: @escaping @Sendable () -> Void) {
    if loop.isCurrent { body() } else { loop.execute(body) }
  }

  // MARK: Who may talk

  /// Why the node must not be talked to; nil if it may.
  /// - Parameter expected: who was dialed; nil for an accepted connection.
  func objection(to introduction: Introduction, expecting expected: NodeID?) -> String? {
    if let objection = introduction.objection(from: identity) { return objection }
    let peer = introduction.identity
    if let expected, peer.node != expected { return "\(expected) was dialed, and \(peer.node) answered" }
    if let newest = newestIncarnations[peer.node], peer.incarnation < newest {
      return "incarnation \(peer.incarnation) of \(peer.node) is older than \(newest)"
    }
    if case .refuse(let reason) = verifyPeer(peer) { return reason }
    newestIncarnations[peer.node] = peer.incarnation
    return nil
  }

  /// Moves the hybrid clock behind the time that came with a frame.
  /// - Returns: false if that time is too far ahead: the frame must be dropped, or its content would spread the error
  ///   that its time was stopped from spreading.
  func admit(_ time: HybridTime, from node: NodeID, _ meter: PeerMeter?) -> Bool {
    do throws(HybridClock.Skewed) {
      try clock.observe(time)
      return true
    } catch {
      let ahead = error.received.microseconds - min(error.received.microseconds, error.wallMicroseconds)
      let complaint = "the clock of \(node) is \(ahead / 1000) ms ahead"
      meter?.update { status in
        status.skewedFrames += 1
        status.lastError = complaint
      }
      report(
        "\(node)/skew", "a clock is too far ahead; the frame is dropped",
        [
          "node": "\(node)", "ahead_ms": "\(ahead / 1000)",
        ])
      return false
    }
  }

  // MARK: Telling others

  func report(_ cause: String, _ message: Logger.Message, _ metadata: Logger.Metadata) {
    if limiter.admits(cause, now: now) { logger.warning(message, metadata: metadata) }
  }

  func observe(_ observer: @escaping @Sendable (NodeID, PeerChange) -> Void) {
    observers.withLock { $0.append(observer) }
  }

  func announce(_ node: NodeID, _ change: PeerChange) {
    for observer in observers.withLock({ $0 }) { observer(node, change) }
  }

  // MARK: Meters

  func meter(of node: NodeID) -> PeerMeter? { meters.withLock { $0[node] } }

  func addMeter(of node: NodeID) -> PeerMeter {
    meters.withLock { meters in
      let meter = meters[node] ?? PeerMeter()
      meters[node] = meter
      return meter
    }
  }

  func removeMeter(of node: NodeID) { meters.withLock { $0[node] = nil } }

  var statuses: [NodeID: PeerStatus] { meters.withLock { $0.mapValues(\.current) } }
}
