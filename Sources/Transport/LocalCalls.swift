import Keys
import Runtime

/// Calls of a node to itself: the same handlers, deadlines and cancellation, and no socket.
final class LocalCalls: @unchecked Sendable {
  // `@unchecked`: confined to the transport's loop.

  private let core: TransportCore
  private var running: [UInt64: RequestContext] = [:]
  private var nextID: UInt64 = 1

  init(core: TransportCore) {
    self.core = core
  }

  func begin(_ call: OutgoingCall) {
    guard running.count < core.settings.requestsRunningMax else { return call.finish(.failure(.overloaded)) }
    guard let handler = core.handlers.request(call.service) else {
      return call.finish(.failure(.refused(reason: "there is no service \(call.service)")))
    }
    let context = RequestContext(deadlineNanoseconds: call.deadlineNanoseconds)
    let id = nextID
    nextID += 1
    call.id = id
    running[id] = context
    let now = core.now
    let left = call.deadlineNanoseconds > now ? call.deadlineNanoseconds - now : 0
    call.timer = core.loop.schedule(after: left) { [self] in end(call) { .timedOut(mayHaveRun: $0) } }
    let core = core
    handler.run(from: core.identity.node, call.payload, context: context) { [self] outcome in
      core.onLoop {
        context.finish()
        self.running[id] = nil
        switch outcome {
        case .answer(let payload): call.finish(.success(payload))
        case .failure(let failure): call.finish(.failure(.remote(code: failure.code, message: failure.message)))
        }
      }
    }
  }

  func end(_ call: OutgoingCall, _ error: (_ mayHaveRun: Bool) -> TransportError) {
    running.removeValue(forKey: call.id)?.cancel()
    call.finish(.failure(error(true)))
  }

  func stop() {
    let cancelled = running.sorted { $0.key < $1.key }
    running = [:]
    for (_, context) in cancelled { context.cancel() }
  }
}
