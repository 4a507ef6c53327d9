import NodeCore
import Operations
import Runtime
import SQL
import Schema
import Synchronization
import Values

/// W-SCHEMA: transactions that change the schema and write rows. Each makes a table of its own with a row in it and notes
/// that in a table of all; some change that one, too, or go back to a savepoint, or roll back. In the end a note is there
/// exactly if its table is, with its row; and what was acknowledged is there.
package final class SchemaWorkload: Workload {
  package let tables = [Pairs.table("notes", tablets: 2)]
  package let clientCount = 3
  private let operationsPerClient: Int

  private enum Outcome {
    case committed
    case rolledBack
    case unknown
  }
  private struct State {
    var outcomes: [Int64: Outcome] = [:]
    var operations = 0
    var unknown = 0
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 5 * scale }

  private static func name(_ number: Int64) -> String { "own\(number)" }
  private static func left(_ number: Int64) -> String { "left\(number)" }

  package func run(_ client: SimulatedClient) async {
    for step in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 600_000_000)
      if client.oneIn(2) {
        // Others' writes go on where nobody changes the table, and wait where somebody does.
        let (key, value) = (-1 - Int64(client.random(below: 12)), client.random(below: 50))
        _ = await run(
          ["INSERT INTO notes VALUES (\(key), \(value)) ON CONFLICT (k) DO UPDATE SET v = \(value)"], client)
      }
      await transact(Int64(client.number * 1_000 + step), client)
    }
  }

  private func transact(_ number: Int64, _ client: SimulatedClient) async {
    let note = "INSERT INTO notes VALUES (\(number), 1)"
    var script = ["BEGIN ISOLATION LEVEL \(client.drawIsolation())"]
    let notesFirst = client.oneIn(2)
    if notesFirst { script.append(note) }
    if client.oneIn(3) {
      script += [
        "SAVEPOINT s", "CREATE TABLE \(Self.left(number)) (k bigint PRIMARY KEY, v bigint)",
        "INSERT INTO \(Self.left(number)) VALUES (1, 7)", "ROLLBACK TO s",
      ]
    }
    script += [
      "CREATE TABLE \(Self.name(number)) (k bigint PRIMARY KEY, v bigint)",
      "INSERT INTO \(Self.name(number)) VALUES (1, \(number))",
    ]
    if client.oneIn(3) { script += ["DROP INDEX IF EXISTS notes_v", "CREATE INDEX notes_v ON notes (v)"] }
    if !notesFirst { script.append(note) }
    let commits = !client.oneIn(4)
    script.append(commits ? "COMMIT" : "ROLLBACK")
    let reply = await run(script, client)
    state.withLock { state in
      state.operations += 1
      switch reply {
      case .answer: state.outcomes[number] = commits ? .committed : .rolledBack
      case .unknown:
        state.unknown += 1
        state.outcomes[number] = .unknown
      case .refused, .notSent: state.outcomes[number] = .rolledBack
      }
    }
  }

  /// Statements of one session, up to the first that fails.
  private func run(_ script: [String], _ client: SimulatedClient) async -> SimulatedClient.Reply<Void> {
    let pause = client.drawPause()
    return await client.ask(patienceNanoseconds: 40_000_000_000) { core throws(SQLError) in
      let loop = core.runtime.loops[0]
      let factory = SQLSessionFactory(dataPlane: core.gateway, runtime: core.runtime)
      let session = try await factory.makeSession(
        user: "client", database: "apus", settings: [(name: "statement_timeout", value: "9s")], processID: 1,
        loop: loop)
      do throws(SQLError) {
        for statement in script {
          try await session.simpleQuery(statement, sink: SilentSink())
          await loop.sleep(nanoseconds: pause)
        }
      } catch {
        await session.terminate()
        throw error
      }
      await session.terminate()
    }
  }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    guard let notes = try read("notes") else { return "the table of all is gone" }
    let noted = Set(notes.compactMap { PairTable.integer($0[0]) })
    for (number, outcome) in state.withLock({ $0.outcomes }).sorted(by: { $0.key < $1.key }) {
      let rows = try read(Self.name(number))
      let values = rows?.map { PairTable.integer($0[1]) }
      if noted.contains(number) != (rows != nil) {
        return
          "\(number) is \(noted.contains(number) ? "noted" : "not noted"), its table is \(rows == nil ? "not " : "")there"
      }
      if let values, values != [number] { return "the table of \(number) has \(values)" }
      if try read(Self.left(number)) != nil { return "the table of \(number) that was taken back is there" }
      switch (outcome, rows != nil) {
      case (.committed, false): return "\(number) was committed, and is not there"
      case (.rolledBack, true): return "\(number) was not committed, and is there"
      default: continue
      }
    }
    guard let entries = try read("notes_v") else { return nil }
    let (indexed, stored) = (Self.pairs(entries, 0, 1), Self.pairs(notes, 1, 0))
    return indexed == stored ? nil : "the index has \(indexed), its table \(stored)"
  }

  package var tally: (operations: Int, unknown: Int) { state.withLock { ($0.operations, $0.unknown) } }

  private static func pairs(_ rows: [Row], _ first: Int, _ second: Int) -> [[Int64?]] {
    rows.map { [PairTable.integer($0[first]), PairTable.integer($0[second])] }
      .sorted { ($0[0] ?? 0, $0[1] ?? 0) < ($1[0] ?? 0, $1[1] ?? 0) }
  }
}
