import NodeCore
import Operations
import Runtime
import Synchronization
import Values

/// A client outside the nodes: it has a machine of its own, which never crashes, and talks to one node at a time as an
/// application does over a connection. The connection may break at any moment, and then the client knows nothing.
package struct SimulatedClient: Sendable {
  package let number: Int
  package let runtime: Runtime
  let world: SimulatedWorld
  let registry: NodeRegistry
  let nodes: ClosedRange<Int>

  /// What came of one request.
  package enum Reply<Value: Sendable>: Sendable {
    case answer(Value)
    /// The node says that nothing was changed, and why.
    case refused(SQLError)
    /// Anything may have happened.
    case unknown
    /// No node could be reached: nothing was asked.
    case notSent
  }

  /// Clients' machines are numbered far from the nodes.
  package init(_ number: Int, of cluster: SimulatedCluster) {
    self.number = number
    world = cluster.world
    runtime = world.makeRuntime(node: 1_000 + number)
    registry = cluster.registry
    nodes = cluster.members
  }

  package var loop: any Loop { runtime.loops[0] }
  /// True time in nanoseconds, for histories.
  package var now: UInt64 { world.nowNanoseconds }

  package func random(below bound: UInt64) -> UInt64 { runtime.random.next() % max(1, bound) }
  package func oneIn(_ n: UInt64) -> Bool { random(below: n) == 0 }

  package func think(maxNanoseconds: UInt64) async { await loop.sleep(nanoseconds: random(below: maxNanoseconds)) }

  /// Sends a request to any running node and waits for its answer, for as long as this client has patience.
  package func ask<Value: Sendable>(
    patienceNanoseconds: UInt64 = 6_000_000_000, _ body: @escaping @Sendable (NodeCore) async throws(SQLError) -> Value
  ) async -> Reply<Value> {
    // The way there takes time: the node may be gone when the request arrives.
    await loop.sleep(nanoseconds: 20_000 + random(below: 500_000))
    let running = registry.running
    guard !running.isEmpty else { return .notSent }
    let node = running[Int(random(below: UInt64(running.count)))]
    guard let core = registry.core(of: node) else { return .notSent }
    // Some connections break early, and the node hears of it as a cancel.
    let patience = oneIn(20) ? random(below: 50_000_000) : patienceNanoseconds
    let wayBack = 20_000 + random(below: 500_000)
    return await withCheckedContinuation { continuation in
      let pending = PendingReply<Value>(continuation)
      let task = core.runtime.loops[0].spawn { [loop] in
        let reply: Reply<Value>
        do throws(SQLError) {
          // As a node's doors are: closed until it knows the cluster.
          guard core.readiness.isReady else { throw SQLError(.cannotConnectNow, core.readiness.reason) }
          reply = .answer(try await body(core))
        } catch {
          reply = error.state == .statementCompletionUnknown ? .unknown : .refused(error)
        }
        loop.schedule(after: wayBack) { pending.finish(reply) }
      }
      let waiter = registry.wait(for: node) { [loop] in
        loop.schedule(after: wayBack) { pending.finish(.unknown) }
      }
      let timer = loop.schedule(after: patience) {
        if pending.finish(.unknown) { task.cancel() }
      }
      pending.whenFinished { [registry] in
        timer.cancel()
        registry.stopWaiting(waiter, for: node)
      }
    }
  }
}

/// An answer that comes once: from the node, from its crash, or when patience is over.
private final class PendingReply<Value: Sendable>: Sendable {
  private struct State {
    var continuation: CheckedContinuation<SimulatedClient.Reply<Value>, Never>?
    var cleanUp: (@Sendable () -> Void)?
  }
  private let state: Mutex<State>

  init(_ continuation: CheckedContinuation<SimulatedClient.Reply<Value>, Never>) {
    state = Mutex(State(continuation: continuation))
  }

  func whenFinished(_ cleanUp: @escaping @Sendable () -> Void) { state.withLock { $0.cleanUp = cleanUp } }

  /// - Returns: whether this was the first word.
  @discardableResult
  func finish(_ reply: SimulatedClient.Reply<Value>) -> Bool {
    let (continuation, cleanUp) = state.withLock { state in
      defer { state = State() }
      return (state.continuation, state.cleanUp)
    }
    cleanUp?()
    continuation?.resume(returning: reply)
    return continuation != nil
  }
}
