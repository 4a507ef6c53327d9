import Values

/// What an expression may see besides its row: fixed for one statement, so that every row meets the same.
package final class EvaluationContext: Sendable {
  /// Microseconds since 2000-01-01 UTC: when the statement arrived.
  package let statementTime: Int64
  /// Microseconds since 2000-01-01 UTC: when the transaction began (`now()`).
  package let transactionTime: Int64
  package let settings: FormatSettings
  /// The values of `$1`, `$2`, …; each has its parameter's type already.
  package let parameters: [Datum]
  /// 64 uniformly distributed bits (`random`, `gen_random_uuid`).
  package let random: @Sendable () -> UInt64
  /// Microseconds since 2000-01-01 UTC at the call (`clock_timestamp`).
  package let clock: @Sendable () -> Int64

  /// `random` nil draws from the system's generator; `clock` nil gives the statement's time at every call.
  package init(
    statementTime: Int64, transactionTime: Int64, settings: FormatSettings = .standard, parameters: [Datum] = [],
    random: (@Sendable () -> UInt64)? = nil, clock: (@Sendable () -> Int64)? = nil
  ) {
    self.statementTime = statementTime
    self.transactionTime = transactionTime
    self.settings = settings
    self.parameters = parameters
    self.random =
      random ?? {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
      }
    self.clock = clock ?? { statementTime }
  }
}
