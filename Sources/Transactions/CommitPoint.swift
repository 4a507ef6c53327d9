import Runtime
import Values

/// The steps of a commit, before each of which a simulation stops the gateway, for a while or for good.
package struct CommitPoint: Sendable {
  /// Counted each time that a gateway comes here.
  package let probe: StaticString
  package let pause: StaticString
  package let death: StaticString

  package static let prepare = CommitPoint(
    probe: "a transaction is about to prepare",
    pause: "a gateway pauses before it prepares", death: "a gateway dies before it prepares")
  package static let decide = CommitPoint(
    probe: "a transaction is about to commit",
    pause: "a gateway pauses between prepare and commit", death: "a gateway dies between prepare and commit")
  package static let resolve = CommitPoint(
    probe: "a transaction is about to be resolved",
    pause: "a gateway pauses between commit and resolution", death: "a gateway dies between commit and resolution")
  package static let forget = CommitPoint(
    probe: "a decision is about to be forgotten",
    pause: "a gateway pauses before it has a decision forgotten",
    death: "a gateway dies before it has a decision forgotten")
  package static let all = [prepare, decide, resolve, forget]
}

extension Router {
  /// - Throws: 40003 where the gateway is to be as if it had died here: nothing of it goes on, and nobody is told.
  func pass(_ point: CommitPoint) async throws(SQLError) {
    let faults = runtime.faults
    faults.probe(point.probe)
    if faults.perturb(point.pause) { await loop.sleep(nanoseconds: runtime.random.next() % 3_000_000_000) }
    if faults.perturb(point.death) {
      throw SQLError(.statementCompletionUnknown, "the gateway stopped on purpose")
    }
  }
}
