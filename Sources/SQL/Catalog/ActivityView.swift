import Values

/// `pg_stat_activity`: the sessions of this node (PostgreSQL manual, 28.2.3).
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
    input.registry.activities.map { activity in
      let now = activity.snapshot
      let isWaiting = now.state != .active
      return [
        .oid(5), .text(activity.database), .int4(activity.processID), .null, .oid(10), .text(activity.user),
        .text(now.applicationName), now.clientAddress.map { .text($0) } ?? .null, .null, .null,
        time(activity.startMicroseconds), time(now.transactionStart), time(now.queryStart), time(now.stateChange),
        isWaiting ? .text("Client") : .null, isWaiting ? .text("ClientRead") : .null, .text(now.state.rawValue), .null,
        .null, .null, .text(now.query), .text("client backend"),
      ]
    }
  }

  private static func time(_ microseconds: UInt64?) -> Datum {
    microseconds.map { .timestampTZ(Int64(clamping: $0) &- SQLSession.epochMicroseconds) } ?? .null
  }
}
