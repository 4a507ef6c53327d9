import Expressions
import Keys
import Operations
import Runtime
import Schema
import Values

/// Goes over all rows of a table in batches, each in a transaction of its own that keeps the rows as they are (locked in
/// share mode) until what was made of them is committed.
///
/// For what must become true of rows that are there already while others write: entries of a new index, keys that a new
/// foreign key refers to. Whoever writes knows of the new rule before the scan begins, so that a row is either seen by
/// the scan or written under the rule.
struct LockedScan: Sendable {
  let dataPlane: any DataPlane
  let loop: any Loop
  let table: TableID
  let batchRowsMax: Int
  let deadline: Deadline?

  /// What is to be made of a batch; may run again for the same rows where the transaction has to.
  typealias Body =
    @Sendable (_ rows: [Row], TableDescriptor, any Transaction) async throws(SQLError) -> Void

  private static let attemptsMax = 100
  private static let pauseNanoseconds: UInt64 = 20_000_000

  /// Tablet by tablet, all at the same time.
  /// - Parameter finished: called with the number of rows after each batch, and whether it was the last of its tablet.
  func run(
    finished: @escaping @Sendable (_ rowCount: Int, _ isLastOfTablet: Bool) -> Void = { _, _ in },
    _ body: @escaping Body
  ) async throws(SQLError) {
    let ranges = dataPlane.catalog.tables[table].map { dataPlane.catalog.tablets(of: $0) } ?? []
    let results = await withTaskGroup(of: Result<Void, SQLError>.self) { group in
      for tablet in ranges {
        group.addTask {
          do throws(SQLError) {
            try await self.scan(KeyRange(lower: tablet.lower, upper: tablet.upper), finished, body)
            return .success(())
          } catch {
            return .failure(error)
          }
        }
      }
      var all: [Result<Void, SQLError>] = []
      for await result in group {
        // One failure ends the whole.
        if case .failure = result { group.cancelAll() }
        all.append(result)
      }
      return all
    }
    for result in results { try result.get() }
  }

  private func scan(
    _ range: KeyRange, _ finished: (Int, Bool) -> Void, _ body: Body
  ) async throws(SQLError) {
    var rest = range
    while true {
      let (count, last) = try await batch(rest, body)
      finished(count, last == nil)
      guard let last else { return }
      // The least key behind the last one: keys end in themselves, so a longer one is another row's.
      rest.lower = last + [0]
    }
  }

  /// - Returns: how many rows there were, and the key of the last one unless there are no more.
  private func batch(_ range: KeyRange, _ body: Body) async throws(SQLError) -> (Int, last: [UInt8]?) {
    var attempt = 0
    while true {
      if Task.isCancelled { throw SQLError(.queryCanceled, "canceling statement due to user request") }
      let transaction = dataPlane.begin(TransactionOptions(isolation: .readCommitted))
      do throws(SQLError) {
        let result = try await self.batch(range, in: transaction, body)
        try await transaction.commit(deadline: deadline)
        return result
      } catch {
        await transaction.rollback()
        attempt += 1
        guard error.isWorthAnotherAttempt, attempt < Self.attemptsMax else { throw error }
        _ = await loop.sleep(nanoseconds: Self.pauseNanoseconds)
      }
    }
  }

  private func batch(
    _ range: KeyRange, in transaction: any Transaction, _ body: Body
  ) async throws(SQLError) -> (Int, last: [UInt8]?) {
    guard let table = dataPlane.catalog.tables[self.table] else {
      throw SQLError(.undefinedTable, "the table was dropped by another statement")
    }
    transaction.beginStatement()
    // Keys first, without locks: how far this batch goes must not depend on which of its rows are deleted meanwhile.
    let keyColumns = table.keyPositions.map { Expression.column($0, table.columns[$0].type) }
    let keyRows = try await rows(
      of: read(table, .ranges([range]), keyColumns, limit: batchRowsMax), in: transaction, locking: nil)
    var keys: [[UInt8]] = []
    for values in keyRows { keys.append(try table.documentKey(keyValues: values)) }
    guard let last = keys.last else { return (0, nil) }
    let columns = table.columns.enumerated().map { Expression.column($0.offset, $0.element.type) }
    let locked = try await rows(
      of: read(table, .points(keys), columns, limit: nil), in: transaction,
      locking: RowLocking(strength: .share, policy: .wait))
    if !locked.isEmpty { try await body(locked, table, transaction) }
    return (locked.count, keys.count < batchRowsMax ? nil : last)
  }

  private func read(
    _ table: TableDescriptor, _ selection: KeySelection, _ projection: [Expression], limit: Int?
  ) -> TableRead {
    TableRead(
      table: table.id, schemaVersion: table.version, selection: selection,
      pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: limit)), isOrdered: true)
  }

  private func rows(
    of read: TableRead, in transaction: any Transaction, locking: RowLocking?
  ) async throws(SQLError) -> [Row] {
    let batches = try await transaction.read(read, locking: locking, deadline: deadline)
    var rows: [Row] = []
    while let batch = try await batches.next() { rows += batch }
    return rows
  }
}

extension SQLError {
  /// It may well succeed next time; for work that may be done twice.
  var isWorthAnotherAttempt: Bool {
    [.serializationFailure, .statementCompletionUnknown, "40P01", "55P03"].contains(state)
  }
}
