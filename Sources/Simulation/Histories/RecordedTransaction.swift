import Checkers
import Expressions
import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Transactions
import Values

/// Statements of a transaction on rows of several tables, each written down with its answer.
///
/// The tables of a workload are numbered; a history's key is the table's number and the row's key (`RowPlace`).
struct RecordedTransaction {
  let core: NodeCore
  let transaction: GatewayTransaction
  let record: TransactionRecord

  init(_ core: NodeCore, _ transaction: GatewayTransaction, _ record: TransactionRecord) {
    self.core = core
    self.transaction = transaction
    self.record = record
  }

  // MARK: Reading

  func read(_ place: RowPlace, locking: RowLocking? = nil) async throws(SQLError) -> Int64? {
    let rows = try await rows(place.table, selection(place), locking: locking)
    let value = rows.first.flatMap { PairTable.integer($0[1]) }
    // A row that others hold looks as if it were not there: that says nothing.
    if locking?.policy == .skipLocked, rows.isEmpty { return nil }
    record.add(.read(key: place.historyKey, value, at: readTime(locking)), isLocked: protects(locking, rows))
    return value
  }

  func readList(_ place: RowPlace, locking: RowLocking? = nil) async throws(SQLError) -> [Int64] {
    let rows = try await rows(place.table, selection(place), locking: locking)
    if locking?.policy == .skipLocked, rows.isEmpty { return [] }
    let list = try rows.first.map { row throws(SQLError) in try Lists.elements(of: row[1]) } ?? []
    record.add(.readList(key: place.historyKey, list, at: readTime(locking)), isLocked: protects(locking, rows))
    return list
  }

  /// All rows of a range of keys; the whole table if it is sharded by hash.
  func scan(_ table: TableNumber, _ keys: ClosedRange<Int64>) async throws(SQLError) -> [Int64: Int64] {
    let pairs = try PairTable(table.name, at: core)
    let selection: KeySelection
    var covered = keys
    if pairs.table.primaryKey.hashColumnCount > 0 {
      selection = .ranges([pairs.table.wholeRange])
      covered = 0...(RowPlace.tableSize - 1)
    } else {
      selection = .ranges([
        try pairs.table.keyRange(
          prefix: [], lower: KeyBound(.int8(keys.lowerBound), isInclusive: true),
          upper: KeyBound(.int8(keys.upperBound), isInclusive: true))
      ])
    }
    let rows = try await rows(table, selection, locking: nil)
    var values: [Int64: Int64] = [:]
    var recorded: [Int64: Int64] = [:]
    for row in rows {
      guard let key = PairTable.integer(row[0]), let value = PairTable.integer(row[1]) else { continue }
      guard values.updateValue(value, forKey: key) == nil else {
        throw SQLError(.internalError, "a scan of \(table.name) shows row \(key) twice")
      }
      recorded[RowPlace(table, key).historyKey] = value
    }
    let bounds = RowPlace(table, covered.lowerBound).historyKey...RowPlace(table, covered.upperBound).historyKey
    record.add(.scan(bounds, recorded, at: readTime(nil)))
    return values
  }

  private func rows(
    _ table: TableNumber, _ selection: KeySelection, locking: RowLocking?
  ) async throws(SQLError) -> [Row] {
    transaction.beginStatement()
    let pairs = try PairTable(table.name, at: core)
    let batches = try await transaction.read(
      pairs.tableRead(of: selection), locking: locking, deadline: History.deadline(core))
    var rows: [Row] = []
    while let batch = try await batches.next() { rows.append(contentsOf: batch) }
    return rows
  }

  /// The snapshot of the last read; a row that was locked in `READ COMMITTED` is of no snapshot.
  private func readTime(_ locking: RowLocking?) -> UInt64? {
    if locking != nil, transaction.options.isolation == .readCommitted { return nil }
    return transaction.snapshotTime?.rawValue
  }

  private func protects(_ locking: RowLocking?, _ rows: [Row]) -> Bool {
    guard let locking, !rows.isEmpty else { return false }
    return locking.strength >= .share
  }

  // MARK: Writing

  /// Puts a value at the end of a row's list, whether the row is there or not.
  func append(_ place: RowPlace, _ value: Int64) async throws(SQLError) {
    _ = try await mutate(
      place.table,
      .insert(
        rows: [[.int8(place.key), Lists.first(value)]],
        onConflict: .update([Assignment(column: 1, value: Lists.appending(value))], filter: nil)))
    record.add(.append(key: place.historyKey, value))
  }

  /// Sets a row's value, whether it is there or not.
  func write(_ place: RowPlace, _ value: Int64) async throws(SQLError) {
    _ = try await mutate(
      place.table,
      .insert(
        rows: [[.int8(place.key), .int8(value)]],
        onConflict: .update([Assignment(column: 1, value: Pairs.constant(value))], filter: nil)))
    record.add(.write(key: place.historyKey, value))
  }

  /// Sets several rows of a table by one statement.
  func write(_ table: TableNumber, _ values: [Int64: Int64]) async throws(SQLError) {
    let sorted = values.sorted { $0.key < $1.key }
    guard let value = sorted.first?.value else { return }
    _ = try await mutate(
      table,
      .insert(
        rows: sorted.map { [.int8($0.key), .int8(value)] },
        onConflict: .update([Assignment(column: 1, value: Pairs.constant(value))], filter: nil)))
    for (key, _) in sorted { record.add(.write(key: RowPlace(table, key).historyKey, value)) }
  }

  func insert(_ place: RowPlace, _ value: Int64) async throws(SQLError) {
    _ = try await mutate(place.table, .insert(rows: [[.int8(place.key), .int8(value)]], onConflict: .fail))
    record.add(.write(key: place.historyKey, value))
  }

  func add(_ place: RowPlace, _ amount: Int64) async throws(SQLError) {
    let count = try await mutate(
      place.table,
      .update(
        selection(place), filter: nil,
        [Assignment(column: 1, value: Pairs.sum(Pairs.value, Pairs.constant(amount)))]))
    if count == 1 { record.add(.add(key: place.historyKey, amount)) }
  }

  /// Changes a row that is there, and not its key: that goes together with `KEY SHARE` locks of others.
  func change(_ place: RowPlace, _ value: Int64) async throws(SQLError) {
    let count = try await mutate(
      place.table,
      .update(selection(place), filter: nil, [Assignment(column: 1, value: Pairs.constant(value))]))
    if count == 1 { record.add(.write(key: place.historyKey, value)) }
  }

  func delete(_ place: RowPlace) async throws(SQLError) {
    if try await mutate(place.table, .delete(selection(place), filter: nil)) == 1 {
      record.add(.write(key: place.historyKey, nil))
    }
  }

  private func mutate(_ table: TableNumber, _ mutation: Mutation) async throws(SQLError) -> Int {
    transaction.beginStatement()
    let pairs = try PairTable(table.name, at: core)
    return try await transaction.mutate(
      TableMutation(table: pairs.table.id, schemaVersion: pairs.table.version, mutation: mutation, returning: nil),
      deadline: History.deadline(core)
    ).affectedCount
  }

  private func selection(_ place: RowPlace) throws(SQLError) -> KeySelection {
    try PairTable(place.table.name, at: core).selection(place.key)
  }

  // MARK: Going back

  /// Runs statements that are all taken back, as `ROLLBACK TO SAVEPOINT` does, whether they succeeded or not.
  /// - Parameter cancelAfter: nanoseconds after which the statement that runs is cancelled, as a client does.
  func undone(
    cancelAfter: UInt64? = nil, _ body: @escaping @Sendable (RecordedTransaction) async throws(SQLError) -> Void
  ) async throws(SQLError) {
    let mark = transaction.mark()
    let count = record.count
    let failure = FailureBox()
    let task = core.runtime.loops[0].spawn {
      do throws(SQLError) { try await body(self) } catch { failure.set(error) }
    }
    let timer = cancelAfter.map { core.runtime.loops[0].schedule(after: $0) { task.cancel() } }
    await task.value
    timer?.cancel()
    if let error = failure.error, error.state.code.hasPrefix("40") { throw error }
    try await transaction.rollback(to: mark)
    record.undo(to: count)
  }

  func pause(maxNanoseconds: UInt64) async {
    await core.runtime.loops[0].sleep(nanoseconds: core.runtime.random.next() % max(1, maxNanoseconds))
  }
}

private final class FailureBox: Sendable {
  private let box = Mutex<SQLError?>(nil)
  var error: SQLError? { box.withLock { $0 } }
  func set(_ error: SQLError) { box.withLock { $0 = error } }
}

/// One of a workload's tables.
struct TableNumber: Hashable, Sendable {
  let number: Int64
  let name: String
}

/// A row of one of a workload's tables.
struct RowPlace: Hashable, Sendable {
  let table: TableNumber
  let key: Int64

  init(_ table: TableNumber, _ key: Int64) {
    self.table = table
    self.key = key
  }

  /// Keys are below this.
  static let tableSize: Int64 = 1_000_000
  /// The row's name in a history.
  var historyKey: Int64 { table.number * Self.tableSize + key }
}

/// Lists of numbers as a text column: an append is `v || ',5'`.
enum Lists {
  static func first(_ value: Int64) -> Datum { .text("\(value)") }

  /// `pg_proc` id of textcat.
  static func appending(_ value: Int64) -> Expression {
    .call(FunctionID(1258), [.column(1, .text), .constant(.text(",\(value)"), .text)], .text)
  }

  static func elements(of datum: Datum) throws(SQLError) -> [Int64] {
    guard case .text(let text) = datum else { throw SQLError(.internalError, "a list is \(datum)") }
    var list: [Int64] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Int64(part) else { throw SQLError(.internalError, "a list is \"\(text)\"") }
      list.append(value)
    }
    return list
  }
}
