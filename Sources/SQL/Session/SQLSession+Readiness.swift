import Values

// What a client hears between its statements.

extension SQLSession {
  package func ready() -> SessionReadiness {
    let status: TransactionStatus =
      switch transaction?.phase {
      case nil, .implicit: .idle
      case .block: .inBlock
      case .failed: .failed
      }
    activity.becameIdle(status, at: clock.wallMicroseconds())
    return SessionReadiness(status: status, changedSettings: changedSettings(), idleLimit: idleLimit(status))
  }

  /// What a transaction may still take while its client says nothing.
  private func idleLimit(_ status: TransactionStatus) -> IdleLimit? {
    guard status != .idle else { return nil }
    var limit: IdleLimit?
    if settings.idleInTransactionTimeoutMilliseconds > 0 {
      limit = IdleLimit(
        nanoseconds: UInt64(settings.idleInTransactionTimeoutMilliseconds) * 1_000_000,
        error: SQLError(
          SQLState(code: "25P03"), "terminating connection due to idle-in-transaction timeout"))
    }
    if let left = transactionNanosecondsLeft, left < limit?.nanoseconds ?? .max {
      limit = IdleLimit(nanoseconds: left, error: RunningStatement.Reason.transactionTimeout.error)
    }
    return limit
  }

  /// What `transaction_timeout` leaves to this transaction, or the next one; nil where it is not set.
  var transactionNanosecondsLeft: UInt64? {
    guard settings.transactionTimeoutMilliseconds > 0 else { return nil }
    let now = clock.monotonicNanoseconds()
    let start = transaction?.startNanoseconds ?? now
    let end = start &+ UInt64(settings.transactionTimeoutMilliseconds) * 1_000_000
    return end > now ? end - now : 0
  }

  /// The reported settings that the client does not know yet. It counts as told.
  func changedSettings() -> [(name: String, value: String)] {
    guard reported.generation != settings.changeCount else { return [] }
    let values = settings.reported
    let changed = zip(reported.values, values).filter { $0.value != $1.value }.map(\.1)
    reported = (settings.changeCount, values)
    return changed
  }
}
