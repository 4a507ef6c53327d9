import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-COUNT in transactions: each adds to several counters, and may take back an addition before it commits. Each
/// acknowledged addition counts exactly once, each of unknown outcome at most once.
package final class CounterTransactionsWorkload: NumbersWorkload {
  package let tables = [Pairs.table("sums", tablets: 3)]
  package let clientCount = 5
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "sums")]
  private static let counters: Int64 = 5

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    let table = numbers[0]
    if client.number == 0 {
      for _ in 0..<20 {
        let isDone = await history.transact(client, .serializable) { transaction throws(SQLError) in
          guard try await transaction.scan(table, 0...Self.counters).isEmpty else { return }
          for counter in 0..<Self.counters { try await transaction.insert(RowPlace(table, counter), 0) }
        }
        if isDone { break }
      }
    }
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 300_000_000)
      let isolation = client.drawIsolation()
      if client.oneIn(4) {
        await history.transact(client, isolation) { transaction throws(SQLError) in
          _ = try await transaction.scan(table, 0...Self.counters)
        }
        continue
      }
      let first = Int64(client.random(below: UInt64(Self.counters)))
      let places = [first, (first + 1) % Self.counters, (first + 3) % Self.counters].map { RowPlace(table, $0) }
      let count = 1 + Int(client.random(below: 3))
      let goesBack = client.oneIn(3)
      let cancelAfter = client.oneIn(2) ? client.random(below: 5_000_000) : nil
      await history.transact(client, isolation) { transaction throws(SQLError) in
        for (number, place) in places.prefix(count).enumerated() {
          if goesBack, number == 1 {
            try await transaction.undone(cancelAfter: cancelAfter) { transaction throws(SQLError) in
              try await transaction.add(places[0], 1_000)
              try await transaction.add(place, 1_000)
            }
          }
          try await transaction.add(place, 1)
        }
      }
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] {
    (0..<Self.counters).flatMap { CounterChecker(key: RowPlace(numbers[0], $0).historyKey).check(history) }
  }
}
