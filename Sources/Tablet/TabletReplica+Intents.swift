import DocStore
import Keys
import Operations
import Storage

/// What the intents in the store mean: locks for those who want to write their rows, something to wait for for those who
/// read them.
extension TabletReplica {
  // MARK: Locks

  /// A lock of a large transaction that was taken into the lock table for somebody who asks for the row.
  struct AdoptedLock {
    var key: [UInt8]
    var strength: RowLockStrength
    var owner: LockTable.Owner
  }

  /// Makes the lock table know of the locks on these rows that only intents stand for, for somebody who asks for the rows. His
  /// own are in nobody's way there: who else asks takes them up.
  func adoptLocksOfIntents(on keys: [[UInt8]], for owner: LockTable.Owner) throws(StorageError) -> [AdoptedLock] {
    let spilled = holdersOfIntents.filter { $0.owner != owner }
    guard !spilled.isEmpty, let store else { return [] }
    var adopted: [AdoptedLock] = []
    var holders = try IntentHolders(store)
    for key in keys where spilled.contains(where: { $0.writes.range.contains(key) }) {
      for holder in try holders.holders(of: key) {
        guard let owner = spilled.first(where: { $0.writes.mark == holder.mark })?.owner else { continue }
        locks.adopt(key, holder.strength, of: owner)
        adopted.append(AdoptedLock(key: key, strength: holder.strength, owner: owner))
      }
    }
    if !adopted.isEmpty { probe("an intent is a lock") }
    return adopted
  }

  /// Those that nobody has come to wait for are left to the intents again.
  func giveUp(_ adopted: [AdoptedLock]) {
    for lock in adopted { locks.giveUp(lock.key, upTo: lock.strength, of: lock.owner) }
  }

  /// Who holds locks by intents. A transaction that nobody can prepare any more holds none.
  private var holdersOfIntents: [(writes: SpilledWrites, owner: LockTable.Owner)] {
    ledger.staged.compactMap { id, staged in
      guard let spill = staged.spill, let known = transactions[id], staged.prepareTime != nil || known.epoch != 0 else {
        return nil
      }
      return (spill, known.owner)
    }
  }

  // MARK: Reads

  /// When a transaction whose intents are being resolved has committed, if this leader knows it.
  private func commitTime(of id: TransactionID) -> HybridTime? {
    if case .resolve(let time?) = resolving[id]?.kind { return time }
    return nil
  }

  /// A prepared transaction that may have committed at or before `time` and writes something of the selection, so that
  /// its decision has to be known, and all of it resolved.
  /// - Parameters:
  ///   - known: what a large one has committed up to here is no hindrance, as the caller looks at its intents, too.
  ///   - later: nor is what it has committed after this time, which must not be for somebody who wants the newest.
  func blocker(
    of selection: KeySelection, at time: HybridTime, exceptThrough known: HybridTime = .zero,
    exceptAfter later: HybridTime = .max, except own: TransactionID?
  ) -> TransactionID? {
    ledger.blocker(
      of: selection, at: time, except: own,
      passes: { id in commitTime(of: id).map { $0 <= known || $0 > later } ?? false },
      hasIntents: { isIn(selection, $0) })
  }

  /// When a large transaction has committed that a read at `time` does not see, and that may be older than the read in
  /// real time; the latest.
  func commitInDoubt(of selection: KeySelection, after time: HybridTime, through limit: HybridTime) -> HybridTime? {
    guard time < limit else { return nil }
    return ledger.staged.compactMap { id, staged in
      guard let spill = staged.spill, let committed = commitTime(of: id), committed > time, committed <= limit,
        spill.range.meets(selection), isIn(selection, spill)
      else { return nil }
      return committed
    }.max()
  }

  /// Intents that a read at `time` has to see as versions: what is committed and not resolved. Asked right before the read
  /// runs, as it changes while nobody waits for the log.
  /// - Returns: nil where this replica cannot tell any more.
  func committedIntents(
    in selection: KeySelection, at time: HybridTime, except own: TransactionID?
  ) -> [SpilledWrites]? {
    if ledger.staged.isEmpty, unwritten == nil { return [] }
    // The ledger is ahead of the store, or another leader resolves.
    guard unwritten == nil,
      blocker(of: selection, at: time, exceptThrough: time, exceptAfter: time, except: own) == nil
    else {
      probe("a read comes too late for what its leader knew")
      return nil
    }
    let committed = ledger.staged.sorted { $0.key < $1.key }.compactMap { id, staged -> SpilledWrites? in
      guard id != own, let spill = staged.spill, let committed = commitTime(of: id), committed <= time else {
        return nil
      }
      return spill.range.meets(selection) ? spill : nil
    }
    if !committed.isEmpty { probe("a read goes through intents that are committed") }
    return committed
  }

  /// Whether a transaction that is not prepared yet has intents in a selection, or may have.
  func hasSpilled(_ id: TransactionID, in selection: KeySelection) -> Bool {
    guard let spill = ledger.staged[id]?.spill else { return false }
    return spill.range.meets(selection) && isIn(selection, spill)
  }

  /// A few rows are looked for; of more, what lies between the first and the last intent may be one.
  private func isIn(_ selection: KeySelection, _ writes: SpilledWrites) -> Bool {
    guard case .points(let keys) = selection, keys.count <= 64, let store else { return true }
    do {
      var holders = try IntentHolders(store)
      for key in keys where try holders.holders(of: key).contains(where: { $0.mark == writes.mark }) { return true }
      return false
    } catch {
      return true
    }
  }

  // MARK: Resolution

  /// What the next entry of the log is to resolve of a transaction's intents: first what somebody waits for.
  func nextPart(of spill: SpilledWrites, _ id: TransactionID) -> SpilledPart? {
    guard let store else { return nil }
    var left = spill
    let awaited = transactions[id].map { locks.awaitedKeys(of: $0.owner) } ?? []
    if let first = awaited.first(where: { spill.range.contains($0) }) { left.range.lower = first }
    do {
      var part = try SpilledPart(
        of: left, documentsMax: environment.settings.resolvedIntentsMax,
        bytesMax: environment.settings.resolvedIntentBytesMax, reading: store)
      if left.range.lower != spill.range.lower {
        probe("rows that somebody waits for are resolved first")
        part.isLast = false
      }
      return part
    } catch StorageError.closed {
      return nil
    } catch {
      environment.fatal("tablet \(id) cannot read its store: \(error)")
      return nil
    }
  }
}

extension LoggedEffect {
  /// The transaction whose intents it changes.
  var transactionOfIntents: TransactionID? {
    switch self {
    case .spill(let id, _), .resolveSpilled(let id, _, _): id
    case .write, .stage, .decide, .resolve, .forget: nil
    }
  }

  /// Whether it looks for intents of one of these.
  func resolvesIntents(ofOneOf transactions: Set<TransactionID>) -> Bool {
    if case .resolveSpilled(let id, _, _) = self { transactions.contains(id) } else { false }
  }
}
