import Keys
import Operations

/// A prepare that brings writes along: the tablet may hear of the transaction for the first time.
///
/// Nothing is lost where a leader forgets such writes, since they come again with each copy of the request. That a copy does
/// not stage them when the transaction is over here is the retry table's work: the staged piece has the request's name.
extension TabletReplica {
  enum LateOutcome {
    /// The prepare can begin, in the name of this epoch.
    case go(epoch: UInt64)
    case answer(TabletAnswer<TransactionAnswer>)
  }

  /// Carries out what comes with a prepare, unless it has been.
  func carryOut(_ late: LateWrites, of request: TransactionRequest) async -> LateOutcome {
    if let refusal = refusal(TransactionAnswer.self) { return .answer(refusal) }
    if let time = ledger.staged[request.transaction]?.prepareTime { return .answer(.done(.time(time))) }
    switch retries.lookUp(late.id) {
    case .new: break
    case .done, .forgotten:
      probe("a prepare with writes came when its transaction was over")
      return .answer(.failed(.transactionLost))
    }
    if let known = transactions[request.transaction], !known.isOpen { return .go(epoch: known.epoch) }
    var epoch: UInt64?
    for var write in late.requests {
      write.transaction?.epoch = epoch
      let answer = await withCheckedContinuation { [write] in begin(write, found: nil, waiter: $0) }
      guard case .done(let done) = answer else { return .answer(answer.map { _ in .done }) }
      epoch = done.epoch
    }
    return .go(epoch: epoch ?? request.epoch)
  }
}
