import Expressions
import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// What clients do in a run, and what must be true of what they were told.
package protocol Workload: AnyObject, Sendable {
  /// Tables that are there before the first fault.
  var tables: [NewTable] { get }
  var clientCount: Int { get }
  /// One client's life; returns when it has done its share.
  func run(_ client: SimulatedClient) async
  /// Called once all clients are done and the cluster has healed and settled. `read` gives a table's rows, in any order,
  /// or nil where there is no such table.
  /// - Returns: what is wrong, if anything is.
  func verdict(read: (String) throws -> [Row]?) throws -> String?
  /// Operations so far, and those of them whose outcome was never heard.
  var tally: (operations: Int, unknown: Int) { get }
}

/// The workloads by name.
package enum WorkloadKind: String, CaseIterable, Sendable {
  case register = "reg"
  case set
  case count
  case definition = "ddl"
  case bank
  case index
  case append
  case multiKey = "mkey"
  case predicate = "g2"
  case fork
  case unique = "uniq"
  case ring
  case counterTransactions = "txcount"
  case lock
  case whole
  case schema

  /// Whether its checkers hold against real time what nobody but the gateway's clock vouches for: transactions' snapshots,
  /// and reads whose first tablets have been answered before others are asked.
  var judgesRealTime: Bool {
    switch self {
    case .append, .multiKey, .predicate, .fork, .unique, .ring, .counterTransactions, .lock, .set: true
    case .register, .count, .definition, .bank, .index, .whole, .schema: false
    }
  }

  /// - Parameter scale: how much there is to do; 1 takes a fraction of a second of real time.
  package func make(scale: Int) -> any Workload {
    switch self {
    case .register: RegisterWorkload(scale: scale)
    case .set: SetWorkload(scale: scale)
    case .count: CountWorkload(scale: scale)
    case .definition: DefinitionWorkload(scale: scale)
    case .bank: BankWorkload(scale: scale)
    case .index: IndexWorkload(scale: scale)
    case .append: AppendWorkload(scale: scale)
    case .multiKey: MultiKeyWorkload(scale: scale)
    case .predicate: PredicateWorkload(scale: scale)
    case .fork: ForkWorkload(scale: scale)
    case .unique: UniqueWorkload(scale: scale)
    case .ring: RingWorkload(scale: scale)
    case .counterTransactions: CounterTransactionsWorkload(scale: scale)
    case .lock: LockWorkload(scale: scale)
    case .whole: WholeTableWorkload(scale: scale)
    case .schema: SchemaWorkload(scale: scale)
    }
  }
}

/// Tables of a key and a value, and statements on them.
package enum Pairs {
  package static func table(_ name: String, tablets: Int, value: SQLType = .int8) -> NewTable {
    table(name, hashColumns: 1, value: value, .hash(tabletCount: tablets))
  }

  /// A table in the order of its keys, cut where tablets begin.
  package static func table(_ name: String, splits: [Int64]) -> NewTable {
    // An int8 always has its place in a key.
    let splits = splits.compactMap { split -> [UInt8]? in
      var key: [UInt8] = []
      try? KeyEncoder.append(.int8(split), type: .int8, descending: false, into: &key)
      return key
    }
    return table(name, hashColumns: 0, value: .int8, .range(splits: splits))
  }

  /// `history`: an account, an amount, and no key but the one that rows get by themselves.
  package static func historyTable(tablets: Int) -> NewTable {
    NewTable(
      name: TableName(schema: "public", name: "history"),
      columns: [
        ColumnDescriptor(id: 1, name: "account", type: .int8, isNotNull: true, defaultValue: nil),
        ColumnDescriptor(id: 2, name: "amount", type: .int8, isNotNull: true, defaultValue: nil),
        ColumnDescriptor(
          id: 3, name: "apus_row_id", type: .uuid, isNotNull: true, defaultValue: .rowID, isHidden: true),
      ],
      primaryKey: PrimaryKey(
        constraintName: "history_pkey", hashColumnCount: 1, columns: [KeyColumn(column: 2, descending: false)]),
      checks: [], sequences: [], sharding: .hash(tabletCount: tablets))
  }

  private static func table(
    _ name: String, hashColumns: Int, value: SQLType, _ sharding: NewTable.Sharding
  ) -> NewTable {
    NewTable(
      name: TableName(schema: "public", name: name),
      columns: [
        ColumnDescriptor(id: 1, name: "k", type: .int8, isNotNull: true, defaultValue: nil),
        ColumnDescriptor(id: 2, name: "v", type: value, isNotNull: false, defaultValue: nil),
      ],
      primaryKey: PrimaryKey(
        constraintName: "\(name)_pkey", hashColumnCount: hashColumns, columns: [KeyColumn(column: 0, descending: false)]
      ),
      checks: [], sequences: [], sharding: sharding)
  }

  static let key = Expression.column(0, .int8)
  static let value = Expression.column(1, .int8)
  static func constant(_ value: Int64) -> Expression { .constant(.int8(value), .int8) }
  /// `pg_proc` ids of int8eq and int8pl.
  static func equal(_ a: Expression, _ b: Expression) -> Expression { .call(FunctionID(467), [a, b], .boolean) }
  static func sum(_ a: Expression, _ b: Expression) -> Expression { .call(FunctionID(463), [a, b], .int8) }
}

/// A table of pairs as one node's catalog has it.
package struct PairTable {
  let core: NodeCore
  package let table: TableDescriptor

  package init(_ name: String, at core: NodeCore) throws(SQLError) {
    guard let table = core.catalog.current.relation(schema: "public", name: name) else {
      throw SQLError(.undefinedTable, "table \"\(name)\" does not exist")
    }
    self.core = core
    self.table = table
  }

  /// How long the node itself insists before it gives an answer.
  var deadline: Deadline {
    Deadline(nanoseconds: core.runtime.clock.monotonicNanoseconds() + 4_000_000_000)
  }

  func selection(_ key: Int64) throws(SQLError) -> KeySelection {
    .points([try table.documentKey(keyValues: [.int8(key)])])
  }

  package func mutate(_ mutation: Mutation) async throws(SQLError) -> Int {
    try await core.gateway.mutate(
      TableMutation(table: table.id, schemaVersion: table.version, mutation: mutation, returning: nil),
      deadline: deadline
    ).affectedCount
  }

  /// Adds one to the value of every row.
  package func increaseAll() async throws(SQLError) -> Int {
    try await mutate(
      .update(
        .ranges([table.wholeRange]), filter: nil,
        [Assignment(column: 1, value: Pairs.sum(Pairs.value, Pairs.constant(1)))]))
  }

  package func deleteAll() async throws(SQLError) -> Int {
    try await mutate(.delete(.ranges([table.wholeRange]), filter: nil))
  }

  /// The value of the row with this key: nil for no row.
  package func read(_ key: Int64) async throws(SQLError) -> Int64? {
    try await rows(selection(key)).first.flatMap { PairTable.integer($0[1]) }
  }

  /// All rows, at one time.
  package func readAll() async throws(SQLError) -> [Row] { try await rows(.ranges([table.wholeRange])) }

  package func tableRead(of selection: KeySelection) -> TableRead {
    TableRead(
      table: table.id, schemaVersion: table.version, selection: selection,
      pipeline: RowPipeline(
        filter: nil, output: .rows(projection: [Pairs.key, .column(1, table.columns[1].type)], limit: nil)),
      isOrdered: false)
  }

  private func rows(_ selection: KeySelection) async throws(SQLError) -> [Row] {
    let batches = try await core.gateway.read(tableRead(of: selection), deadline: deadline)
    var rows: [Row] = []
    while let batch = try await batches.next() { rows.append(contentsOf: batch) }
    return rows
  }

  static func integer(_ datum: Datum) -> Int64? {
    if case .int8(let value) = datum { value } else { nil }
  }
}
