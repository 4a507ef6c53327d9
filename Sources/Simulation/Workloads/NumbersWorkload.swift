import Checkers
import Operations
import Schema
import Values

/// A workload whose rows hold numbers, and that is judged by its transactions' history.
protocol NumbersWorkload: Workload {
  var history: History { get }
  var numbers: [TableNumber] { get }
  /// What is wrong by the workload's own rule; replay is judged anyway.
  func judge(_ history: [Checkers.Transaction]) -> [Anomaly]
}

extension NumbersWorkload {
  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    var last: [Checkers.Operation] = []
    for table in numbers {
      var rows: [Int64: Int64] = [:]
      for row in try read(table.name) ?? [] {
        guard let key = PairTable.integer(row[0]), let value = PairTable.integer(row[1]) else { continue }
        rows[RowPlace(table, key).historyKey] = value
      }
      let all = RowPlace(table, 0).historyKey...RowPlace(table, RowPlace.tableSize - 1).historyKey
      last.append(.scan(all, rows))
    }
    let transactions = history.transactions(lastRead: last)
    return history.verdict(judge(transactions) + HybridTimeReplay.ofCluster.check(transactions))
  }

  package var tally: (operations: Int, unknown: Int) { history.tally }
}

extension SimulatedClient {
  func drawIsolation(from weakest: Operations.IsolationLevel = .readCommitted) -> Operations.IsolationLevel {
    let levels = History.isolations.filter { $0 >= weakest }
    return levels[Int(random(below: UInt64(levels.count)))]
  }

  /// Waits for a moment at which all clients go on together, give or take a few milliseconds.
  func meet(everyNanoseconds interval: UInt64) async {
    await loop.sleep(nanoseconds: interval - now % interval + random(below: 4_000_000))
  }

  /// How long to wait between two statements, at most.
  func drawPause() -> UInt64 { oneIn(3) ? random(below: 200_000_000) : 0 }
}
