import NodeCore
import Operations
import Values

/// Statements of one transaction on a table of pairs.
struct TransactionOfPairs {
  let pairs: PairTable
  let transaction: any Transaction

  init(_ pairs: PairTable, _ transaction: any Transaction) {
    self.pairs = pairs
    self.transaction = transaction
  }

  func read(_ key: Int64, locking: RowLocking? = nil) async throws(SQLError) -> Int64? {
    transaction.beginStatement()
    let rows = try await rows(pairs.selection(key), locking: locking)
    return rows.first.flatMap { PairTable.integer($0[1]) }
  }

  func readAll() async throws(SQLError) -> [Row] {
    transaction.beginStatement()
    return try await rows(.ranges([pairs.table.wholeRange]), locking: nil)
  }

  private func rows(_ selection: KeySelection, locking: RowLocking?) async throws(SQLError) -> [Row] {
    let batches = try await transaction.read(
      pairs.tableRead(of: selection), locking: locking, deadline: pairs.deadline)
    var rows: [Row] = []
    while let batch = try await batches.next() { rows.append(contentsOf: batch) }
    return rows
  }

  func mutate(_ mutation: Mutation) async throws(SQLError) -> Int {
    transaction.beginStatement()
    return try await transaction.mutate(
      TableMutation(table: pairs.table.id, schemaVersion: pairs.table.version, mutation: mutation, returning: nil),
      deadline: pairs.deadline
    ).affectedCount
  }

  func add(_ amount: Int64, to key: Int64) async throws(SQLError) {
    _ = try await mutate(
      .update(
        pairs.selection(key), filter: nil,
        [Assignment(column: 1, value: Pairs.sum(Pairs.value, Pairs.constant(amount)))]))
  }

  func set(_ key: Int64, to value: Int64) async throws(SQLError) {
    _ = try await mutate(
      .update(pairs.selection(key), filter: nil, [Assignment(column: 1, value: Pairs.constant(value))]))
  }
}

extension PairTable {
  /// Runs statements in a transaction and commits it, or rolls it back and throws.
  func inTransaction(
    _ isolation: IsolationLevel, _ body: (TransactionOfPairs) async throws(SQLError) -> Void
  ) async throws(SQLError) {
    let transaction = core.gateway.begin(TransactionOptions(isolation: isolation))
    do throws(SQLError) {
      try await body(TransactionOfPairs(self, transaction))
      try await transaction.commit(deadline: deadline)
    } catch {
      await transaction.rollback()
      throw error
    }
  }
}
