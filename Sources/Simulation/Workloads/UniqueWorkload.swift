import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-UNIQ: serializable transactions give a row a value if no other row has it, after a look at all rows. No two rows
/// ever have one value.
package final class UniqueWorkload: NumbersWorkload {
  package let tables = [Pairs.table("names", tablets: 3)]
  package let clientCount = 5
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "names")]

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    let table = numbers[0]
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 300_000_000)
      let place = RowPlace(table, Int64(client.random(below: 12)))
      let value = Int64(client.random(below: 8))
      let pause = client.drawPause()
      let deletes = client.oneIn(4)
      let isolation: Operations.IsolationLevel = client.oneIn(4) ? client.drawIsolation() : .serializable
      await history.transact(client, isolation) { transaction throws(SQLError) in
        let rows = try await transaction.scan(table, 0...100)
        if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
        // Weaker levels look, and take away, which hurts nobody.
        if deletes { return try await transaction.delete(place) }
        guard isolation == .serializable, !rows.values.contains(value) else { return }
        try await transaction.write(place, value)
      }
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] { UniqueChecker.check(history) }
}
