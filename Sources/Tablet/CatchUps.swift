import Raft

/// Requests to know when this replica, leader or not, has applied everything that was committed when they were made
/// (read index, Raft thesis §6.4).
struct CatchUps {
  private var next: UInt64 = 1
  private var asking: [UInt64: CheckedContinuation<Bool, Never>] = [:]
  private var waiting: [(index: LogIndex, continuation: CheckedContinuation<Bool, Never>)] = []

  /// Keeps the continuation; the context to ask the leader with.
  mutating func begin(_ continuation: CheckedContinuation<Bool, Never>) -> UInt64 {
    defer { next += 1 }
    asking[next] = continuation
    return next
  }

  mutating func leaderAnswered(_ context: UInt64, index: LogIndex) {
    guard let continuation = asking.removeValue(forKey: context) else { return }
    waiting.append((index, continuation))
  }

  /// Waits until `index` is applied here.
  mutating func wait(for index: LogIndex, _ continuation: CheckedContinuation<Bool, Never>) {
    waiting.append((index, continuation))
  }

  mutating func refused(_ context: UInt64) {
    asking.removeValue(forKey: context)?.resume(returning: false)
  }

  mutating func applied(through index: LogIndex) {
    guard waiting.contains(where: { $0.index <= index }) else { return }
    let ready = waiting.filter { $0.index <= index }
    waiting.removeAll { $0.index <= index }
    for waiter in ready { waiter.continuation.resume(returning: true) }
  }

  mutating func refuseAll() {
    for context in asking.keys.sorted() { refused(context) }
    let left = waiting
    waiting = []
    for waiter in left { waiter.continuation.resume(returning: false) }
  }
}
