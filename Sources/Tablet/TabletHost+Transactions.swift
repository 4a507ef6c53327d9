import Keys
import Operations

extension TabletHost {
  /// Carries out a step of a transaction at this node's replica, if it leads.
  package func step(_ request: TransactionRequest) async -> TabletAnswer<TransactionAnswer> {
    guard let replica = replicas[request.tablet] else { return absent(request.tablet) }
    if case .validate(_, _, let through) = request.step {
      // From here on nobody writes at or before `through`.
      let begun = await withCheckedContinuation {
        replica.beginRead(at: through, limit: nil, of: .points([]), for: request.transaction, waiter: $0)
      }
      guard case .done = begun else { return begun.map { _ in .done } }
    }
    var request = request
    if case .prepare(_, _, let late) = request.step {
      if let late {
        switch await replica.carryOut(late, of: request) {
        case .go(let epoch): request.epoch = epoch
        case .answer(let answer): return answer
        }
      }
      await sortWrites(of: request.transaction, in: replica)
    }
    return await withCheckedContinuation { [request] in replica.begin(request, waiter: $0) }
  }

  /// Puts what a large transaction has written into key order, on another thread.
  private func sortWrites(of id: TransactionID, in replica: TabletReplica) async {
    guard let transaction = replica.transactions[id], transaction.isOpen, !transaction.hasSpilled,
      transaction.overlay.count > 10_000
    else {
      return
    }
    let overlay = transaction.overlay
    let ordered = try? await work(on: nextWorker()) {
      var overlay = overlay
      _ = overlay.writes()
      return overlay
    }
    // No statement comes between the copy and here: the gateway has asked for the end.
    if let ordered, transaction.isOpen { transaction.overlay.adoptOrder(of: ordered) }
  }

  /// The gateway of these transactions is alive.
  package func heard(of transactions: [TransactionID], in tablet: TabletID) {
    guard let replica = replicas[tablet] else { return }
    let now = replica.now
    for transaction in transactions { replica.transactions[transaction]?.lastHeard = now }
  }

  /// What a tick does for transactions: gives up those whose gateway is silent, asks for the fate of what is staged, and
  /// tells who waits for whom.
  func tendTransactions() {
    var reports: [WaitReport] = []
    let isCrowded = replicas.values.reduce(0) { $0 + $1.overlayBytes } > environment.settings.overlayBytesMax
    for id in replicas.keys.sorted() {
      guard let replica = replicas[id] else { continue }
      replica.isCrowded = isCrowded
      if replica.transactions.isEmpty, replica.ledger.isEmpty { continue }
      guard replica.refusal(Void.self) == nil else { continue }
      replica.expireTransactions()
      replica.tendSpills()
      reports.append(contentsOf: replica.waitReports())
      for task in replica.recoveries() { recover(task, in: id) }
    }
    if !reports.isEmpty { environment.peers.services?.report(reports) }
  }

  private func recover(_ task: TabletReplica.Recovery, in tablet: TabletID) {
    guard let services = environment.peers.services else { return }
    loop.spawn {
      switch task {
      case .ask(let transaction, let anchor):
        let status = await services.status(transaction, anchor)
        await self.recovered(transaction, in: tablet, status)
      case .spread(let decision):
        let isDone = await services.resolve(decision)
        await self.spread(decision, in: tablet, isDone: isDone)
      }
    }
  }

  private func recovered(_ transaction: TransactionID, in tablet: TabletID, _ status: TransactionStatus?) {
    guard let replica = replicas[tablet] else { return }
    replica.recovering.remove(transaction)
    guard replica.refusal(Void.self) == nil else { return }
    switch status {
    case .committed(let time):
      replica.probe("a staged transaction is committed by recovery")
      replica.resolve(transaction, time, waiter: nil)
    case .aborted:
      replica.probe("a staged transaction is dropped by recovery")
      replica.resolve(transaction, nil, waiter: nil)
    case .pending, nil: break
    }
  }

  private func spread(_ decision: Decision, in tablet: TabletID, isDone: Bool) {
    guard let replica = replicas[tablet] else { return }
    replica.recovering.remove(decision.transaction)
    guard isDone, replica.refusal(Void.self) == nil, replica.ledger.decisions[decision.transaction] != nil else {
      return
    }
    replica.forget([decision.transaction])
  }
}

extension TabletReplica {
  enum Recovery: Sendable {
    /// What is staged here: was it committed?
    case ask(TransactionID, anchor: TabletID)
    /// The participants of a decision may not know of it.
    case spread(Decision)
  }

  /// Gives up transactions whose gateway was silent for too long.
  func expireTransactions() {
    let limit = environment.settings.transactionExpiryNanoseconds
    let time = now
    guard transactions.contains(where: { time - min(time, $0.value.lastHeard) > limit }) else { return }
    for (id, transaction) in transactions.sorted(by: { $0.key < $1.key })
    where time - min(time, transaction.lastHeard) > limit {
      switch transaction.state {
      case .open:
        probe("a silent transaction is given up")
        letGo(of: id)
      case .prepared: transaction.disown()
      case .staging, .committing: break
      }
    }
  }

  /// What has been left unresolved for long enough to do something about it.
  func recoveries() -> [Recovery] {
    if ledger.isEmpty {
      unresolvedSince.removeAll()
      return []
    }
    let time = now
    // Where somebody waits for the outcome, it is asked for at once.
    let patience = readWaiters.isEmpty ? environment.settings.recoveryNanoseconds : 0
    unresolvedSince = unresolvedSince.filter { ledger.staged[$0.key] != nil || ledger.decisions[$0.key] != nil }
    var tasks: [Recovery] = []
    for (id, staged) in ledger.staged.sorted(by: { $0.key < $1.key }) {
      guard isLate(id, by: patience, at: time), resolving[id] == nil else { continue }
      if let decision = ledger.decisions[id] {
        resolve(id, decision.commitTime, waiter: nil)
      } else if staged.prepareTime == nil {
        // Not all of it is here, and only the leader that began could have gone on.
        if transactions[id]?.epoch ?? 0 == 0, spilling[id] == nil {
          if staged.spill != nil { probe("what an abandoned transaction has spilled is removed") }
          resolve(id, nil, waiter: nil)
        }
      } else if staged.anchor == self.id {
        if transactions[id]?.epoch ?? 0 == 0 { resolve(id, nil, waiter: nil) }
      } else if let anchor = staged.anchor, recovering.insert(id).inserted {
        tasks.append(.ask(id, anchor: anchor))
      }
    }
    for (id, decision) in ledger.decisions.sorted(by: { $0.key < $1.key }) {
      guard isLate(id, by: environment.settings.decisionNanoseconds, at: time) else { continue }
      if recovering.insert(id).inserted { tasks.append(.spread(decision)) }
    }
    return tasks
  }

  private func isLate(_ id: TransactionID, by limit: UInt64, at time: UInt64) -> Bool {
    guard let since = unresolvedSince[id] else {
      unresolvedSince[id] = time
      return false
    }
    return time - min(time, since) > limit
  }
}
