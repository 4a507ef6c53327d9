import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-RING: rows point to each other in one ring, and transactions swap neighbours: by a snapshot, which no row may have
/// changed since, or by locks. What everybody sees is one ring.
package final class RingWorkload: NumbersWorkload {
  package let tables = [Pairs.table("ring", tablets: 4)]
  package let clientCount = 5
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "ring")]
  private static let members: Int64 = 7

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    if client.number == 0 { await open(client) }
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 250_000_000)
      if client.oneIn(3) { await look(client) } else { await swap(client) }
    }
  }

  private func open(_ client: SimulatedClient) async {
    let table = numbers[0]
    for _ in 0..<20 {
      let isDone = await history.transact(client, .readCommitted) { transaction throws(SQLError) in
        // One that was begun before may have done it.
        guard try await transaction.read(RowPlace(table, 0), locking: nil) == nil else { return }
        for member in 0..<Self.members {
          try await transaction.insert(RowPlace(table, member), (member + 1) % Self.members)
        }
      }
      if isDone { return }
      await client.think(maxNanoseconds: 500_000_000)
    }
  }

  private func look(_ client: SimulatedClient) async {
    let table = numbers[0]
    let scans = client.oneIn(2)
    await history.transact(client, client.drawIsolation(from: scans ? .readCommitted : .repeatableRead)) {
      transaction throws(SQLError) in
      let rows = try await transaction.scan(table, 0...Self.members)
      if scans || rows.isEmpty { return }
      for member in 0..<Self.members { _ = try await transaction.read(RowPlace(table, member)) }
    }
  }

  /// a → b → c → d becomes a → c → b → d.
  private func swap(_ client: SimulatedClient) async {
    let table = numbers[0]
    let a = Int64(client.random(below: UInt64(Self.members)))
    let isolation = client.drawIsolation()
    let locking = isolation == .readCommitted ? RowLocking(strength: .update, policy: .wait) : nil
    let pause = client.drawPause()
    await history.transact(client, isolation) { transaction throws(SQLError) in
      guard let b = try await transaction.read(RowPlace(table, a), locking: locking),
        let c = try await transaction.read(RowPlace(table, b), locking: locking),
        let d = try await transaction.read(RowPlace(table, c), locking: locking)
      else { return }
      if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
      try await transaction.write(RowPlace(table, a), c)
      try await transaction.write(RowPlace(table, c), b)
      try await transaction.write(RowPlace(table, b), d)
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] {
    // Before it was made there was no ring.
    let begun = history.filter { transaction in
      transaction.operations.contains {
        switch $0 {
        case .scan(_, let rows, _): !rows.isEmpty
        case .read(_, let value, _): value != nil
        case .readList, .append, .write, .add: true
        }
      }
    }
    return RingChecker(members: 0...(Self.members - 1)).check(begun)
  }
}
