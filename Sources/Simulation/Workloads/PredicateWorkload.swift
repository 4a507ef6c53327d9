import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-G2: serializable transactions look whether a range of rows, in several tablets, is empty, and if it is, each
/// inserts a row of its own there. At most one of a range commits.
package final class PredicateWorkload: NumbersWorkload {
  package let tables = [Pairs.table("places", splits: stride(from: 15, to: 400, by: 45).map { $0 })]
  package let clientCount = 6
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "places")]
  private static let width: Int64 = 10

  package init(scale: Int) { operationsPerClient = 18 * scale }

  package func run(_ client: SimulatedClient) async {
    let table = numbers[0]
    for number in 0..<operationsPerClient {
      if client.oneIn(3) {
        await client.think(maxNanoseconds: 150_000_000)
      } else {
        await client.meet(everyNanoseconds: 100_000_000)
      }
      // All clients are at about the same range at about the same time. Most of them span two tablets.
      let range = Int64(number + Int(client.random(below: 2)))
      let first = range * Self.width
      let keys = first...(first + Self.width - 1)
      let own = first + Int64(client.random(below: UInt64(Self.width)))
      let value = Int64(client.number) * 1_000 + Int64(number)
      let pause = client.drawPause()
      let looksTwice = client.oneIn(2)
      await history.transact(client, .serializable) { transaction throws(SQLError) in
        let rows = try await transaction.scan(table, keys)
        if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
        guard rows.isEmpty else { return }
        if looksTwice { _ = try await transaction.scan(table, keys) }
        try await transaction.insert(RowPlace(table, own), value)
        // Something elsewhere, so that several tablets take part.
        if value % 2 == 0 { try await transaction.insert(RowPlace(table, 100_000 + value), value) }
      }
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] { PredicateInsertChecker.check(history) }
}
