import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-FORK and W-CAUSAL: rows are inserted one by one, each into a tablet of its own, and read in groups. All readers see
/// one order of the inserts, and whoever sees a row sees every row that was acknowledged before that one was begun.
package final class ForkWorkload: NumbersWorkload {
  package let tables = [Pairs.table("notes", splits: [2_000, 4_000, 6_000])]
  package let clientCount = 6
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "notes")]
  private static let groups: Int64 = 40
  private static let members: Int64 = 4

  package init(scale: Int) { operationsPerClient = 24 * scale }

  package func run(_ client: SimulatedClient) async {
    let table = numbers[0]
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 120_000_000)
      let group = Int64(number / 2) % Self.groups
      let isolation = client.drawIsolation()
      // The first clients insert, each its member of every group; the others read.
      if client.number < Int(Self.members), number % 2 == 0 {
        let place = RowPlace(table, Int64(client.number) * 2_000 + group)
        if client.oneIn(3) {
          await history.autocommit(client) { core, record throws(SQLError) in
            record.add(.write(key: place.historyKey, group))
            _ = try await PairTable(table.name, at: core).mutate(
              .insert(rows: [[.int8(place.key), .int8(group)]], onConflict: .doNothing))
          }
        } else {
          await history.transact(client, isolation) { transaction throws(SQLError) in
            try await transaction.write(place, group)
          }
        }
      } else if client.oneIn(2) {
        await history.transact(client, isolation) { transaction throws(SQLError) in
          _ = try await transaction.scan(table, 0...7_999)
        }
      } else {
        // By key, each in a statement of its own: a snapshot makes them one look.
        let pause = client.drawPause()
        await history.transact(client, client.drawIsolation(from: .repeatableRead)) { transaction throws(SQLError) in
          for member in 0..<Self.members {
            _ = try await transaction.read(RowPlace(table, member * 2_000 + group))
            if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
          }
        }
      }
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] {
    let groups = (0..<Self.groups).map { group in
      (0..<Self.members).map { RowPlace(numbers[0], $0 * 2_000 + group).historyKey }
    }
    return LongForkChecker(groups: groups).check(history) + CausalReverseChecker.check(history)
  }
}
