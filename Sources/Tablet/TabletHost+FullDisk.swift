import Keys
import Logging
import Raft
import Values

/// What a node does whose disk takes no more (FAULTS §1.1 row 17): it keeps following and reading, leaves the lead to
/// others, and where nobody takes it, says so to writers. When there is room again, everything goes on.
extension TabletHost {
  /// Whether the log or a store of this host has no room for what it must write.
  package var isDiskFull: Bool { fullSince != nil }

  func tendFullDisk() {
    let now = environment.runtime.clock.monotonicNanoseconds()
    let isFull = environment.log.fullSince != nil || replicas.values.contains { $0.storeIsFull }
    if isFull != isDiskFull {
      fullSince = isFull ? now : nil
      if isFull {
        environment.logger.critical("the disk is full: this node leads nothing until there is room")
      } else {
        environment.logger.notice("there is room on the disk again")
        for replica in replicas.values { replica.diskHasRoom() }
      }
    }
    guard let fullSince else { return }
    let refuses = now >= fullSince + environment.settings.fullDiskPatienceNanoseconds
    let triesFlushes = ticks % UInt64(environment.settings.fullFlushTicks) == 0
    for id in replicas.keys.sorted() {
      guard let replica = replicas[id] else { continue }
      if replica.storeIsFull, triesFlushes { flush(replica) }
      replica.refusesWrites = refuses
      replica.handOverInTime()
    }
  }

  /// Whether a message asks this node to lead: it could not even write down its own vote.
  func mustDecline(_ message: Message) -> Bool {
    if case .timeoutNow = message.body { isDiskFull } else { false }
  }
}

extension TabletReplica {
  /// Hands leadership to the voter that has most of the log, if any is in touch. A transfer costs this leader its lease for
  /// a while, so one that failed is not repeated at once if nobody has written anything since: they may all be full.
  func handOverInTime() {
    ticksFull += 1
    guard raft.role == .leader else { return }
    let heirs = raft.progress().filter { $0.isActive && !$0.isLearner && $0.id != replica }
    guard let heir = heirs.max(by: { ($0.match, $1.id.raw) < ($1.match, $0.id.raw) }) else { return }
    if let tried = handOverTried {
      let settings = environment.settings
      let pause = heir.match > tried.match ? settings.handOverTicks : settings.blindHandOverTicks
      guard ticksFull >= tried.tick + pause else { return }
    }
    handOverTried = (ticksFull, heir.match)
    if raft.transferLeadership(to: heir.id, effects: &effects) == .started { probe("full disk hands over") }
    turns.mark(self)
  }

  func diskHasRoom() {
    refusesWrites = false
    handOverTried = nil
  }
}
