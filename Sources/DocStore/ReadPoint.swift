import Keys

/// Where on the time line a read stands.
package struct ReadPoint: Hashable, Sendable {
  /// It sees the newest version at or before this time.
  package var time: HybridTime
  /// A version after `time` and up to here may have been committed before the read began, by a node whose clock is
  /// ahead: the reader must not guess, it starts again at that version's time (DESIGN §10.5). Equal to `time` where
  /// the time came from the tablet itself.
  package var uncertaintyLimit: HybridTime
  /// Up to here no version can appear any more, and the caller is content with any time from `time` to here: a version in
  /// doubt at or before it is taken, and `time` moves there. Equal to `time` where that is fixed.
  package let movesThrough: HybridTime

  package init(time: HybridTime, uncertaintyLimit: HybridTime, movesThrough: HybridTime = .zero) {
    self.time = time
    self.uncertaintyLimit = max(time, uncertaintyLimit)
    self.movesThrough = max(time, min(movesThrough, uncertaintyLimit))
  }

  /// Whether the read sees a version of this time, which is not after its limit; it may move for that.
  mutating func takes(_ version: HybridTime) -> Bool {
    guard version <= movesThrough else { return false }
    time = max(time, version)
    return true
  }

  /// A read with no doubt about what came before it.
  package init(time: HybridTime) { self.init(time: time, uncertaintyLimit: time) }
}

/// What a read found: an answer, or that it has to begin again.
package enum ReadOutcome<Value> {
  case found(Value)
  /// A version at this time, the greatest one met, lies between the read's time and its limit.
  case uncertain(HybridTime)
}

extension ReadOutcome: Sendable where Value: Sendable {}
