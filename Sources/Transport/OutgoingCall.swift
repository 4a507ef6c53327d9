import Keys
import Runtime

/// A call of this node that waits for its answer.
final class OutgoingCall: @unchecked Sendable {
  // `@unchecked`: the constants are Sendable, and what changes is touched only on the transport's loop.

  typealias Answer = Result<[UInt8], TransportError>

  let node: NodeID
  let service: UInt8
  let deadlineNanoseconds: UInt64
  var payload: [UInt8]
  /// Numbers the calls of one link; 0 before it has one.
  var id: UInt64 = 0
  /// How often the stream had flushed when the call's frame was written; nil before that.
  var writtenAfterFlushes: UInt64?
  var timer: (any ScheduledWork)?
  private var continuation: CheckedContinuation<Answer, Never>?
  private(set) var isFinished = false

  init(node: NodeID, service: UInt8, payload: [UInt8], deadlineNanoseconds: UInt64) {
    self.node = node
    self.service = service
    self.payload = payload
    self.deadlineNanoseconds = deadlineNanoseconds
  }

  /// - Returns: whether it still wants to run: its task may have been cancelled before.
  func begin(_ continuation: CheckedContinuation<Answer, Never>) -> Bool {
    if isFinished {
      continuation.resume(returning: .failure(.cancelled))
      return false
    }
    self.continuation = continuation
    return true
  }

  /// The first outcome counts, later ones are dropped.
  func finish(_ answer: Answer) {
    if isFinished { return }
    isFinished = true
    payload = []
    timer?.cancel()
    timer = nil
    continuation?.resume(returning: answer)
    continuation = nil
  }
}
