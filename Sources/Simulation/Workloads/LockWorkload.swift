import Checkers
import Operations
import Runtime
import Schema
import Values

/// Row locks: `READ COMMITTED` transactions lock some rows (every strength, every policy) and write others. What a row
/// that was locked against changes had, it still has when the transaction commits, also where the leader that held the
/// lock is gone by then. Judged by replay at commit times.
package final class LockWorkload: NumbersWorkload {
  package let tables = [Pairs.table("locked", tablets: 3), Pairs.table("written", tablets: 3)]
  package let clientCount = 6
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "locked"), TableNumber(number: 1, name: "written")]
  private static let rows: UInt64 = 5

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    let (locked, written) = (numbers[0], numbers[1])
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 150_000_000)
      let value = Int64(client.number) * 1_000_000 + Int64(number) + 1
      let first = Int64(client.random(below: Self.rows))
      if client.oneIn(3) {
        let besides = client.oneIn(2) ? RowPlace(written, Int64(client.number) * 10 + 2) : nil
        await history.transact(client, client.drawIsolation()) { transaction throws(SQLError) in
          if let besides {
            // In several tablets, so that it is prepared there, perhaps beside somebody else's lock.
            try await transaction.change(RowPlace(locked, first), value)
            try await transaction.write(besides, value)
          } else {
            try await transaction.write(RowPlace(locked, first), value)
          }
        }
        continue
      }
      let keys = client.oneIn(2) ? [first] : [first, (first + 1) % Int64(Self.rows)].sorted()
      let strengths: [RowLockStrength] = [.share, .share, .update, .noKeyUpdate, .keyShare]
      let policies: [LockWaitPolicy] = [.wait, .wait, .wait, .noWait, .skipLocked]
      let locking = RowLocking(
        strength: strengths[Int(client.random(below: 5))], policy: policies[Int(client.random(below: 5))])
      let pause = client.drawPause()
      let targets = [0, 1].map { RowPlace(written, Int64(client.number) * 10 + $0) }
      await history.transact(client, .readCommitted) { transaction throws(SQLError) in
        for key in keys { _ = try await transaction.read(RowPlace(locked, key), locking: locking) }
        if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
        for target in targets { try await transaction.write(target, value) }
      }
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] { [] }
}
