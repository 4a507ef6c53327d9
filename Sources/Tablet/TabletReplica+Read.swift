import Keys
import Operations
import Raft
import Values

extension TabletReplica {
  /// Waits until a read at `time` (nil: as of now) is safe at this leader, and says at which time it is.
  /// - Parameters:
  ///   - limit: versions after `time` and up to here may be older than the statement in real time.
  ///   - selection: what it will read: what others have prepared there has to be decided first.
  ///   - transaction: whose read it is; its own writes do not stand in its way.
  func beginRead(
    at time: HybridTime?, limit: HybridTime?, of selection: KeySelection, for transaction: TransactionID?,
    waiter: CheckedContinuation<TabletAnswer<HybridTime>, Never>
  ) {
    if let refusal = refusal(HybridTime.self) { return waiter.resume(returning: refusal) }
    if let time {
      do {
        try environment.clock.observe(time)
      } catch {
        let message = "the read time is ahead of this node's clock by more than the allowed skew"
        return waiter.resume(returning: .failed(SQLError(.objectNotInPrerequisiteState, message)))
      }
    }
    // What is prepared may be committed, and its client may have been told; only, its rows are not in the store yet. So
    // the read waits for it as far as it must look, not only as far as it reads.
    let doubtedThrough = min(limit ?? .zero, environment.clock.latest())
    let wish = ReadWaiter(
      time: time, doubtedThrough: doubtedThrough, selection: selection, transaction: transaction,
      deadline: now + 1_000_000_000, continuation: waiter)
    if let answer = answer(to: wish) { return waiter.resume(returning: answer) }
    probe("read waits until its time is safe")
    let isFirst = readWaiters.isEmpty
    // Fails soon rather than hang where the lease is lost: the gateway asks again.
    readWaiters.append(wish)
    proposePostponed()
    refreshHorizon()
    if isFirst, wantsHorizon(for: time) { raft.beginRound(effects: &effects) }
    turns.mark(self)
  }

  /// The greatest time that a read may be served at now; nil where it would have to wait, or this replica cannot serve.
  func readTimeAtOnce(of selection: KeySelection) -> HybridTime? {
    guard refusal(HybridTime.self) == nil, let safe = safeReadTime(wanted: nil),
      blocker(of: selection, at: safe, except: nil) == nil
    else { return nil }
    return safe
  }

  /// The time that a read may be served at now, or would better be asked for; nil where it has to wait.
  private func answer(to read: ReadWaiter) -> TabletAnswer<HybridTime>? {
    // The transaction has written over rows of others that are not applied yet, and must not read from before them.
    if let own = read.transaction.flatMap({ transactions[$0] }),
      own.seenThrough > raft.appliedIndex.raw || !own.follows.isEmpty
    {
      probe("a read waits for what its transaction has written over")
      return nil
    }
    guard let safe = safeReadTime(wanted: read.time) else { return nil }
    let limit = max(safe, read.doubtedThrough)
    if read.time != nil, let later = commitInDoubt(of: read.selection, after: safe, through: limit) {
      probe("a read is in doubt about intents that are committed")
      return .uncertain(later)
    }
    let blocker = blocker(
      of: read.selection, at: limit, exceptThrough: safe, exceptAfter: read.time == nil ? .max : limit,
      except: read.transaction)
    return blocker == nil ? .done(safe) : nil
  }

  /// How far a read at `time` of this selection, which has been let through, may move: no write can appear at or below
  /// that any more, and nothing that others have prepared there is undecided or waits to be resolved.
  func moveLimit(of selection: KeySelection, at time: HybridTime, for transaction: TransactionID?) -> HybridTime {
    guard refusal(HybridTime.self) == nil, let safe = safeReadTime(wanted: nil), safe > time,
      blocker(of: selection, at: safe, exceptThrough: time, exceptAfter: safe, except: transaction) == nil
    else { return time }
    return safe
  }

  /// The time that a read may be served at now: the wanted one, or without one the greatest that is safe.
  ///
  /// Safe means that no write can appear at or below it any more: every write that is not applied is later, every
  /// future write will be (the clock is past it), and no other leader writes below the confirmed horizon.
  private func safeReadTime(wanted: HybridTime?) -> HybridTime? {
    ticksUnused = 0
    let time = unwrittenTime(wanted: wanted)
    if let time { servedLast = max(servedLast, Served(time: time, applied: raft.appliedIndex)) }
    return time
  }

  private func unwrittenTime(wanted: HybridTime?) -> HybridTime? {
    let granted = HybridTime(rawValue: raft.grantedHorizon)
    let pending = inFlight.first?.firstTime ?? queue.first?.time
    if let wanted {
      guard wanted <= granted, pending.map({ wanted < $0 }) ?? true else { return nil }
      environment.clock.raise(to: wanted)
      return wanted
    }
    if wantsHorizon(for: nil) { return nil }
    let bound = min(granted, pending?.previous ?? environment.clock.now())
    // Whatever was answered before this read began is applied, so it must be at or below the read's time.
    return bound >= appliedTime ? bound : nil
  }

  /// Whether a read has to wait for a horizon: one above its time, or, where it wishes for none, one that is not left
  /// behind from before this replica was idle. That one would do for the row, but not for what else is read at its time.
  private func wantsHorizon(for wanted: HybridTime?) -> Bool {
    let granted = HybridTime(rawValue: raft.grantedHorizon)
    if let wanted { return granted < wanted }
    return granted.adding(microseconds: environment.settings.horizonMicroseconds) < environment.clock.latest()
  }

  /// Serves the reads that have become safe.
  func serveWaitingReads() {
    guard !readWaiters.isEmpty, refusal(HybridTime.self) == nil else { return }
    var left: [ReadWaiter] = []
    let waiting = readWaiters
    readWaiters = []
    for waiter in waiting {
      if let answer = answer(to: waiter) {
        waiter.continuation.resume(returning: answer)
      } else {
        left.append(waiter)
      }
    }
    readWaiters = left + readWaiters
  }
}

/// A read was let through: what is behind `applied` in the log is later than `time`, whoever leads (I-SAFE).
package struct Served: Hashable, Comparable, Sendable {
  package var time: HybridTime
  package var applied: LogIndex
  package static func < (a: Self, b: Self) -> Bool { a.time < b.time }
}
