import Keys
import Operations
import Schema
import Values

/// Who holds, who waits, for whom: the open transactions of all live nodes' gateways. A single statement whose rows are in
/// one tablet is never among them.
enum TransactionViews {
  static let transactions = VirtualTable(
    schema: "sys", name: "transactions", oid: 15_004,
    columns: [
      ("transaction_id", .text), ("node", .int8), ("pid", .int4), ("isolation", .text), ("is_read_only", .boolean),
      ("start", .timestampTZ), ("age_seconds", .float8), ("tables", .text), ("tablets", .int8),
      ("bytes_written", .int8), ("is_waiting", .boolean), ("waits_for", .text), ("blocking_pids", .text),
      ("wait_table", .text), ("wait_start", .timestampTZ),
    ]
  ) { input in
    let all = await input.dataPlane.openTransactions()
    let processIDs = Dictionary(all.map { ($0.id, $0.processID) }, uniquingKeysWith: { first, _ in first })
    return all.map { activity in
      let wait = activity.wait
      let blocking = wait?.blockers.compactMap { processIDs[$0] ?? nil }
      return [
        .text("\(activity.id)"), .int8(Int64(activity.id.gateway.rawValue)),
        activity.processID.map { .int4($0) } ?? .null, .text(activity.isolation.description),
        .bool(activity.isReadOnly),
        ActivityView.time(activity.startMicroseconds), .float8(Double(activity.ageMicroseconds) / 1e6),
        .text(activity.tables.map { input.name(of: $0.table) }.joined(separator: ", ")),
        .int8(Int64(activity.touched.count)), .int8(Int64(clamping: activity.pendingBytes)), .bool(wait != nil),
        wait.map { .text($0.blockers.map(\.description).joined(separator: ", ")) } ?? .null,
        blocking.map { .text($0.map { "\($0)" }.joined(separator: ", ")) } ?? .null,
        wait.map { .text(input.name(of: $0.table)) } ?? .null, ActivityView.time(wait?.sinceMicroseconds),
      ]
    }
  }

  /// `pg_locks` (PostgreSQL manual, 54.12): for each transaction itself, each relation that it has rows of, and, not
  /// granted, the transactions that it waits for, which is how PostgreSQL shows the wait for a row; also not granted, the
  /// relation of each session that is waiting to change one.
  static let locks = VirtualTable(
    schema: "pg_catalog", name: "pg_locks", oid: 12_004,
    columns: [
      ("locktype", .text), ("database", .oid), ("relation", .oid), ("page", .int4), ("tuple", .int2),
      ("virtualxid", .text), ("transactionid", .text), ("classid", .oid), ("objid", .oid), ("objsubid", .int2),
      ("virtualtransaction", .text), ("pid", .int4), ("mode", .text), ("granted", .boolean), ("fastpath", .boolean),
      ("waitstart", .timestampTZ),
    ]
  ) { input in
    async let others = input.dataPlane.otherSessions()
    let changes = (input.registry.statuses + (await others)).compactMap { session -> Row? in
      guard let table = session.changedTable else { return nil }
      return [
        .text("relation"), .oid(5), .oid(table), .null, .null, .null, .null, .null, .null, .null, .null,
        .int4(session.processID), .text("AccessExclusiveLock"), .bool(false), .bool(false),
        ActivityView.time(session.queryStart),
      ]
    }
    return await input.dataPlane.openTransactions().flatMap { activity in
      func row(_ type: String, relation: TableID? = nil, of holder: TransactionID? = nil, _ mode: String) -> Row {
        let since = holder == activity.id ? nil : activity.wait?.sinceMicroseconds
        let isGranted = holder == nil || holder == activity.id
        return [
          .text(type), relation == nil ? .null : .oid(5), relation.map { .oid($0.rawValue) } ?? .null, .null, .null,
          .null, holder.map { .text("\($0)") } ?? .null, .null, .null, .null, .text("\(activity.id)"),
          activity.processID.map { .int4($0) } ?? .null, .text(mode), .bool(isGranted), .bool(false),
          isGranted ? .null : ActivityView.time(since),
        ]
      }
      let relations = activity.tables.map {
        row("relation", relation: $0.table, $0.writes ? "RowExclusiveLock" : "RowShareLock")
      }
      let own = activity.touched.isEmpty ? [] : [row("transactionid", of: activity.id, "ExclusiveLock")]
      let waits = (activity.wait?.blockers ?? []).map { row("transactionid", of: $0, "ShareLock") }
      return relations + own + waits
    } + changes
  }
}

extension VirtualTables.Input {
  /// As `schema.table`; a number for one that was dropped.
  fileprivate func name(of table: TableID) -> String {
    catalog.tables[table].map { "\($0.schema).\($0.name)" } ?? "\(table.rawValue)"
  }
}
