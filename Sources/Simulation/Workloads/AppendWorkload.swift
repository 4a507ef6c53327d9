import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-APPEND: transactions of one to six statements read whole lists and append to them, at every isolation level, in two
/// tables of several tablets. Few lists are in use at a time, and one of them is hot; full ones give way to new ones.
///
/// Judged by the cycles of who must come before whom (with real time, at every level) and by replay at commit times.
package final class AppendWorkload: Workload {
  package let tables = [
    Pairs.table("lists", tablets: 3, value: .text), Pairs.table("more_lists", tablets: 2, value: .text),
  ]
  package let clientCount = 6
  private let operationsPerClient: Int
  private let history = History()
  private static let numbers = [
    TableNumber(number: 0, name: "lists"), TableNumber(number: 1, name: "more_lists"),
  ]
  /// Lists in use at a time, and transactions of one client until the next ones are.
  private static let lists: UInt64 = 4
  private static let rotation = 8

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 200_000_000)
      let steps = (0...Int(client.random(below: 6))).map { step in
        Step.draw(client, first: Int64(number / Self.rotation), value: value(client, number, step))
      }
      let isolation = History.isolations[Int(client.random(below: 3))]
      let undoneStep = client.oneIn(4) ? Int(client.random(below: UInt64(steps.count))) : nil
      let cancelAfter = client.oneIn(2) ? client.random(below: 5_000_000) : nil
      let givesUp = client.oneIn(12)
      let pause = client.oneIn(3) ? client.random(below: 100_000_000) : 0
      await history.transact(client, isolation) { transaction throws(SQLError) in
        for (number, step) in steps.enumerated() {
          if number == undoneStep {
            try await transaction.undone(cancelAfter: cancelAfter) { transaction throws(SQLError) in
              try await step.run(in: transaction)
              try await step.other.run(in: transaction)
            }
          } else {
            try await step.run(in: transaction)
          }
          if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
        }
        if givesUp { throw SQLError(.queryCanceled, "the client changed its mind") }
      }
    }
  }

  /// Unique in the whole run.
  private func value(_ client: SimulatedClient, _ number: Int, _ step: Int) -> Int64 {
    Int64(client.number) * 1_000_000 + Int64(number) * 100 + Int64(step)
  }

  private struct Step: Sendable {
    var place: RowPlace
    /// Nil: it reads.
    var appended: Int64?
    var locking: RowLocking?

    static func draw(_ client: SimulatedClient, first: Int64, value: Int64) -> Step {
      // Half of all statements are about one list.
      let list = client.oneIn(2) ? 0 : client.random(below: AppendWorkload.lists)
      let table = AppendWorkload.numbers[Int(list % 2)]
      let place = RowPlace(table, first * Int64(AppendWorkload.lists) + Int64(list))
      if client.oneIn(2) { return Step(place: place, appended: value) }
      guard client.oneIn(4) else { return Step(place: place) }
      let strengths = RowLockStrength.allCases
      let policies: [LockWaitPolicy] = [.wait, .wait, .noWait, .skipLocked]
      return Step(
        place: place,
        locking: RowLocking(
          strength: strengths[Int(client.random(below: UInt64(strengths.count)))],
          policy: policies[Int(client.random(below: UInt64(policies.count)))]))
    }

    /// Another one of its kind, for what is undone together with this.
    var other: Step {
      var other = self
      other.appended = appended.map { $0 + 50 }
      return other
    }

    func run(in transaction: RecordedTransaction) async throws(SQLError) {
      if let appended {
        try await transaction.append(place, appended)
      } else {
        _ = try await transaction.readList(place, locking: locking)
      }
    }
  }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    var last: [Checkers.Operation] = []
    for table in Self.numbers {
      for row in try read(table.name) ?? [] {
        guard let key = PairTable.integer(row[0]) else { continue }
        last.append(.readList(key: RowPlace(table, key).historyKey, try Lists.elements(of: row[1])))
      }
    }
    let transactions = history.transactions(lastRead: last)
    return history.verdict(
      AppendChecker(realTimeFrom: .readCommitted).check(transactions) + HybridTimeReplay.ofCluster.check(transactions))
  }

  package var tally: (operations: Int, unknown: Int) { history.tally }
}

extension HybridTimeReplay {
  /// Clocks of different nodes may be half a second apart, and so may commit times of transactions that have no row in
  /// common.
  static let ofCluster = HybridTimeReplay(timeBound: 500_000 << 12)
}
