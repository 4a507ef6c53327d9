import DocStore
import Keys
import Operations

/// Large transactions bring what they have written to the store while they are open (`OpenTransaction.overlay` keeps the
/// newest of it), so that their size is bounded by the disk alone.
///
/// One piece of a transaction is on its way at a time. Until it is applied its rows stay in memory as well, and locked in
/// the lock table; from then on the intents stand for both.
extension TabletReplica {
  /// A transaction's own writes, as a read of the selection sees them.
  func view(of transaction: OpenTransaction, scanning selection: KeySelection) -> OverlayView {
    var ranges: [KeyRange] = []
    if case .ranges(let scanned) = selection { ranges = scanned }
    var spilled: SpilledWrites?
    if transaction.hasSpilled {
      spilled = ledger.staged[transaction.id]?.spill
      spilled?.dropped = transaction.dropped
    }
    return transaction.overlay.view(of: ranges, spilled: spilled)
  }

  /// How much of one transaction may be in memory before it spills.
  private var spillBytes: Int {
    let settings = environment.settings
    return isCrowded ? min(settings.spillBytes, settings.crowdedSpillBytes) : settings.spillBytes
  }

  /// Memory that open transactions take here, in bytes.
  var overlayBytes: Int { transactions.values.reduce(0) { $0 + $1.overlay.memoryEstimate } }

  /// Whether so much of it is in memory that it must not write on before some has left.
  func mustWaitForSpill(_ transaction: OpenTransaction) -> Bool {
    id != .catalog && transaction.overlay.memoryEstimate > 2 * spillBytes
  }

  func spillIfLarge(_ transaction: OpenTransaction) {
    guard id != .catalog, transaction.isOpen, transaction.overlay.memoryEstimate > spillBytes
    else { return }
    spill(transaction)
  }

  private func spill(_ transaction: OpenTransaction) {
    guard spilling[transaction.id] == nil, !refusesWrites else { return }
    // What it has promised is in nobody's way; and what it has made of others' promises may come to nothing yet.
    if transaction.isEnding || !transaction.follows.isEmpty { return }
    // Small pieces keep others waiting less; at its end somebody waits for the transaction, and every piece is a round.
    let settings = environment.settings
    let taken = transaction.beginSpill(
      bytesMax: transaction.isOpen ? settings.spilledPieceBytesMax : settings.stagedPieceBytesMax)
    if taken.isEmpty { return }
    probe("a transaction spills")
    let intents = taken.map { statement, write in
      // Where the table knows of no lock, an earlier intent of the row stands for it, and is as strong.
      let strength = locks.strength(of: transaction.owner, on: write.documentKey) ?? .noKeyUpdate
      return IntentWrite(statement: statement, strength: strength, document: write)
    }
    let step = StepOperation(
      transaction.id, .spill(intents), .spill(transaction.id, intents), time: environment.clock.now())
    spilling[transaction.id] = step
    queue(step)
  }

  /// A piece is in the store.
  func spilled(_ intents: [IntentWrite], of id: TransactionID) {
    spilling[id] = nil
    guard let transaction = transactions[id], transaction.epoch != 0 else {
      probe("a transaction ended while it spilled")
      return resolve(id, nil, waiter: nil)
    }
    transaction.overlay.finishLeaving()
    for intent in intents {
      transaction.spilledBytes += intent.document.byteCount
      locks.giveUp(intent.document.documentKey, upTo: intent.strength, of: transaction.owner)
    }
    switch transaction.state {
    case .open: if transaction.overlay.memoryEstimate > spillBytes / 2 { spill(transaction) }
    case .staging(let last): stageRest(of: transaction, last)
    case .prepared, .committing: break
    }
    answerHeldBack(of: transaction)
    if !slicing.isEmpty { turns.mark(self) }
  }

  private func answerHeldBack(of transaction: OpenTransaction) {
    while !mustWaitForSpill(transaction), !transaction.heldBack.isEmpty {
      let operation = transaction.heldBack.removeFirst()
      // It may have been taken back.
      if transaction.running[operation.request.id] === operation { answerKept(operation, in: transaction) }
    }
  }

  /// A piece was not proposed.
  func spillRefused(of id: TransactionID) {
    spilling[id] = nil
    guard let transaction = transactions[id] else {
      if ledger.staged[id] != nil { resolve(id, nil, waiter: nil) }
      return
    }
    transaction.overlay.cancelLeaving()
    if case .staging(let last) = transaction.state {
      transaction.state = .open
      last.finish(.notReady)
    }
  }

  /// Every tick: what could not be proposed is tried again, and nobody waits for a full disk.
  func tendSpills() {
    for (_, transaction) in transactions.sorted(by: { $0.key < $1.key }) {
      spillIfLarge(transaction)
      guard refusesWrites else { continue }
      let waiting = transaction.heldBack
      transaction.heldBack = []
      for operation in waiting where transaction.running[operation.request.id] === operation {
        probe("a statement that waits for a spill fails on a full disk")
        complete(operation, .failed(.diskFull))
      }
    }
  }

  // MARK: The end of it

  /// Stages a transaction that has spilled: first what is still in memory goes the same way, then one piece prepares it.
  func prepareSpilled(_ transaction: OpenTransaction, anchor: TabletID, waiter: StepWaiter) {
    let piece = StagedPiece(
      transaction: transaction.id, anchor: anchor, documents: [], locks: transaction.locksToStage(locks),
      dropped: transaction.dropped, isLast: true)
    transaction.pieces = [piece]
    let last = stageStep(piece, of: transaction)
    last.join(waiter)
    transaction.state = .staging(last)
    stageRest(of: transaction, last)
  }

  private func stageRest(of transaction: OpenTransaction, _ last: StepOperation) {
    if spilling[transaction.id] != nil { return }
    // A fence came in between: what is staged is dropped by recovery, since nobody can prepare it any more.
    guard isCurrent(transaction.oldestVersion) else {
      transaction.disown()
      return last.finish(.failed(.transactionLost))
    }
    if transaction.overlay.isEmpty {
      last.time = environment.clock.now()
      return queue(last)
    }
    spill(transaction)
    if spilling[transaction.id] == nil {
      transaction.state = .open
      last.finish(.failed(.diskFull))
    }
  }

  /// The transaction is over, and a piece of it is on its way: what it has spilled is dropped when that is there.
  func giveUpSpilling(_ id: TransactionID) {
    guard let transaction = transactions[id] else { return }
    if case .staging(let last) = transaction.state { last.finish(.failed(.transactionLost)) }
    letGo(of: id)
  }
}
