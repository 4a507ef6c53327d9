import Synchronization
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

  /// `random` nil gives a sequence that follows from the statement's time: for folding and for tests, never for rows.
  /// `clock` nil gives the statement's time at every call.
  package init(
    statementTime: Int64, transactionTime: Int64, settings: FormatSettings = .standard, parameters: [Datum] = [],
    random: (@Sendable () -> UInt64)? = nil, clock: (@Sendable () -> Int64)? = nil
  ) {
    self.statementTime = statementTime
    self.transactionTime = transactionTime
    self.settings = settings
    self.parameters = parameters
    self.random = random ?? PredictableSequence(seed: UInt64(bitPattern: statementTime)).next
    self.clock = clock ?? { statementTime }
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for the same seed.
private final class PredictableSequence: Sendable {
  private let state: Atomic<UInt64>
  init(seed: UInt64) { state = Atomic(seed) }

  @Sendable func next() -> UInt64 {
    var mixed = state.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
