import Values

/// `pg_stat_activity`: the sessions of all live nodes (PostgreSQL manual, 28.2.3). A process id names its node
/// (`ProcessID`).
enum ActivityView {
  static let activity = VirtualTable(
    schema: "pg_catalog", name: "pg_stat_activity", oid: 12_003,
    columns: [
      ("datid", .oid), ("datname", SQLType(.name)), ("pid", .int4), ("leader_pid", .int4), ("usesysid", .oid),
      ("usename", SQLType(.name)), ("application_name", .text), ("client_addr", .text), ("client_hostname", .text),
      ("client_port", .int4), ("backend_start", .timestampTZ), ("xact_start", .timestampTZ),
      ("query_start", .timestampTZ), ("state_change", .timestampTZ), ("wait_event_type", .text), ("wait_event", .text),
      ("state", .text), ("backend_xid", .text), ("backend_xmin", .text), ("query_id", .int8), ("query", .text),
      ("backend_type", .text),
    ]
  ) { input in
    async let transactions = input.dataPlane.openTransactions()
    async let others = input.dataPlane.otherSessions()
    let running = Dictionary(
      await transactions.compactMap { activity in activity.processID.map { ($0, activity) } },
      uniquingKeysWith: { first, _ in first })
    let sessions = (input.registry.statuses + (await others)).sorted { $0.processID < $1.processID }
    return sessions.map { session in
      let transaction = running[session.processID]
      let event: (type: String, name: String)? =
        if session.state != SessionActivity.State.active.rawValue {
          ("Client", "ClientRead")
        } else if transaction?.wait != nil {
          ("Lock", "transactionid")
        } else if session.changedTable != nil {
          // Not a lock: it waits for other nodes, and they for those that have written to the table.
          ("IPC", "SchemaChange")
        } else {
          nil
        }
      return [
        .oid(5), .text(session.database), .int4(session.processID), .null, .oid(10), .text(session.user),
        .text(session.applicationName), session.clientAddress.map { .text($0) } ?? .null, .null, .null,
        time(session.start), time(session.transactionStart), time(session.queryStart), time(session.stateChange),
        event.map { .text($0.type) } ?? .null, event.map { .text($0.name) } ?? .null, .text(session.state),
        transaction.map { .text("\($0.id)") } ?? .null, .null, .null, .text(session.query), .text("client backend"),
      ]
    }
  }

  static func time(_ microseconds: UInt64?) -> Datum {
    microseconds.map { .timestampTZ(Int64(clamping: $0) &- SQLSession.epochMicroseconds) } ?? .null
  }
}
