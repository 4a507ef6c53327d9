/// W-COUNT: each acknowledged addition to a counter counts once, each of unknown outcome once or never.
///
/// A read lies between what was acknowledged before its transaction began and what anyone had asked for by its end;
/// once all is quiet that is "committed … committed + unknown".
package struct CounterChecker: Sendable {
  package var key: Int64
  package var initial: Int64

  package init(key: Int64, initial: Int64 = 0) {
    self.key = key
    self.initial = initial
  }

  package func check(_ history: [Transaction]) -> [Anomaly] {
    var certain = Sums()
    var possible = Sums()
    for transaction in history where transaction.outcome != .aborted {
      for case .add(key, let amount) in transaction.operations {
        possible.add(amount, at: transaction.start)
        if let time = transaction.acknowledged { certain.add(amount, at: time) }
      }
    }
    certain.sort()
    possible.sort()

    var findings = Findings()
    for snapshot in Snapshot.all(in: history) {
      guard let row = snapshot.value(of: key) else { continue }
      let value = row ?? 0
      let transaction = history[snapshot.transaction]
      let sure = certain.before(transaction.start)
      let all = possible.before(transaction.end.map { $0 + 1 } ?? .max)
      // Those that may or may not count move the lower bound if they take away and the upper one if they add.
      let low = initial + sure.positive + all.negative
      let high = initial + all.positive + sure.negative
      let text =
        "T\(snapshot.transaction) read \(value) from counter \(key), which was between \(low) and \(high): "
        + "\(transaction)"
      if value < low { findings.add(.lostIncrement, [snapshot.transaction], text) }
      if value > high { findings.add(.extraIncrement, [snapshot.transaction], text) }
    }
    return findings.anomalies
  }

  /// Sums of amounts by time.
  private struct Sums {
    private var amounts: [(time: UInt64, amount: Int64)] = []
    private var sums: [(positive: Int64, negative: Int64)] = [(0, 0)]

    mutating func add(_ amount: Int64, at time: UInt64) { amounts.append((time, amount)) }

    mutating func sort() {
      amounts.sort { $0.time < $1.time }
      for (_, amount) in amounts {
        let last = sums[sums.count - 1]
        sums.append((last.positive + max(0, amount), last.negative + min(0, amount)))
      }
    }

    func before(_ time: UInt64) -> (positive: Int64, negative: Int64) {
      sums[amounts.partitioningIndex { $0.time >= time }]
    }
  }
}
