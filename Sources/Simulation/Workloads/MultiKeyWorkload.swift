import Checkers
import Operations
import Runtime
import Schema
import Values

/// W-MKEY: rows are written in groups, each by one value: statement by statement in a transaction, or all by one
/// statement, inside of one or not. Nobody ever sees two values in a group.
package final class MultiKeyWorkload: NumbersWorkload {
  package let tables = [Pairs.table("groups", tablets: 3), Pairs.table("more_groups", tablets: 2)]
  package let clientCount = 6
  private let operationsPerClient: Int
  let history = History()
  let numbers = [TableNumber(number: 0, name: "groups"), TableNumber(number: 1, name: "more_groups")]
  /// The first group is in two tables, the other ones in the first alone.
  private var groups: [[RowPlace]] {
    [
      [RowPlace(numbers[0], 1), RowPlace(numbers[0], 2), RowPlace(numbers[1], 1), RowPlace(numbers[1], 2)],
      [RowPlace(numbers[0], 11), RowPlace(numbers[0], 12), RowPlace(numbers[0], 13)],
    ]
  }

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 200_000_000)
      let value = Int64(client.number) * 1_000_000 + Int64(number) + 1
      switch client.random(below: 8) {
      case 0: await writeAtOnce(client, value)
      case 1...3: await write(client, value)
      default: await read(client)
      }
    }
  }

  private func write(_ client: SimulatedClient, _ value: Int64) async {
    var group = groups[Int(client.random(below: 2))]
    // One order for all: without it, most would end in deadlocks.
    if client.oneIn(8) { group.reverse() }
    let pause = client.drawPause()
    let deletes = client.oneIn(6)
    let goesBack = client.oneIn(4)
    await history.transact(client, client.drawIsolation()) { [group] transaction throws(SQLError) in
      if goesBack {
        try await transaction.undone { transaction throws(SQLError) in
          try await transaction.write(group[0], -value)
          try await transaction.write(group[2], -value)
        }
      }
      for place in group {
        if deletes { try await transaction.delete(place) } else { try await transaction.write(place, value) }
        if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
      }
    }
  }

  /// The second group by one statement of several tablets.
  private func writeAtOnce(_ client: SimulatedClient, _ value: Int64) async {
    let places = groups[1]
    let table = numbers[0]
    if client.oneIn(2) {
      let isolation = client.drawIsolation()
      await history.transact(client, isolation) { transaction throws(SQLError) in
        try await transaction.write(table, Dictionary(uniqueKeysWithValues: places.map { ($0.key, value) }))
      }
      return
    }
    await history.autocommit(client) { core, record throws(SQLError) in
      for place in places { record.add(.write(key: place.historyKey, value)) }
      _ = try await PairTable(table.name, at: core).mutate(
        .insert(
          rows: places.map { [.int8($0.key), .int8(value)] },
          onConflict: .update([Assignment(column: 1, value: Pairs.constant(value))], filter: nil)))
    }
  }

  private func read(_ client: SimulatedClient) async {
    let group = groups[Int(client.random(below: 2))]
    let pause = client.drawPause()
    let scans = client.oneIn(2)
    let table = numbers[0]
    // Of one moment are a statement's rows, or a snapshot's.
    await history.transact(client, client.drawIsolation(from: scans ? .readCommitted : .repeatableRead)) {
      transaction throws(SQLError) in
      if scans { return _ = try await transaction.scan(table, 0...100) }
      for place in group {
        _ = try await transaction.read(place)
        if pause > 0 { await transaction.pause(maxNanoseconds: pause) }
      }
    }
  }

  func judge(_ history: [Checkers.Transaction]) -> [Anomaly] {
    MultiKeyChecker(groups: groups.map { $0.map(\.historyKey) }).check(history)
  }
}
