import Keys
import Operations
import Schema
import Values

/// Schema `sys`: the cluster as its operators see it.
enum ClusterViews {
  static let all = [nodes, tables, tablets]

  static let nodes = VirtualTable(
    schema: "sys", name: "nodes", oid: 15_001,
    columns: [
      ("node", .int8), ("cloud", .text), ("region", .text), ("zone", .text), ("sql_address", .text),
      ("rpc_address", .text), ("http_address", .text), ("is_live", .boolean), ("silent_seconds", .float8),
      ("leaders", .int8), ("replicas", .int8), ("catalog_version", .int8),
    ]
  ) { input in
    await input.dataPlane.clusterStatus().nodes.map { status in
      let node = status.node
      return [
        .int8(Int64(node.id.rawValue)), .text(node.cloud), .text(node.region), .text(node.zone),
        .text(node.sqlAddress), .text(node.rpcAddress), .text(node.httpAddress), .bool(status.isLive),
        .float8(Double(status.silentMicroseconds) / 1e6), .int8(Int64(status.leaderCount)),
        .int8(Int64(status.replicaCount)), .int8(Int64(clamping: status.catalogVersion)),
      ]
    }
  }

  static let tables = VirtualTable(
    schema: "sys", name: "tables", oid: 15_002,
    columns: [
      ("table_id", .oid), ("schema_name", .text), ("table_name", .text), ("version", .int8), ("sharding", .text),
      ("primary_key", .text), ("tablets", .int8), ("size_bytes", .int8),
    ]
  ) { input in
    let status = await input.dataPlane.clusterStatus()
    var sizes: [TableID: UInt64] = [:]
    for tablet in status.tablets { sizes[tablet.tablet.table, default: 0] &+= tablet.sizeBytes }
    return input.catalog.tables.values.sorted { $0.id < $1.id }.map { table in
      [
        .oid(table.id.rawValue), .text(table.schema), .text(table.name), .int8(Int64(table.version)),
        .text(table.isHashSharded ? "hash" : "range"), .text(keyText(table)), .int8(Int64(table.tablets.count)),
        .int8(Int64(clamping: sizes[table.id] ?? 0)),
      ]
    }
  }

  /// As YugabyteDB writes a key: `(a) HASH, b ASC`.
  private static func keyText(_ table: TableDescriptor) -> String {
    let key = table.primaryKey
    let names = key.columns.map { table.columns[$0.column].name }
    let hashed = names.prefix(key.hashColumnCount)
    let rest = key.columns.indices.dropFirst(key.hashColumnCount).map {
      "\(names[$0]) \(key.columns[$0].descending ? "DESC" : "ASC")"
    }
    return ((hashed.isEmpty ? [] : ["(\(hashed.joined(separator: ", "))) HASH"]) + rest).joined(separator: ", ")
  }

  static let tablets = VirtualTable(
    schema: "sys", name: "tablets", oid: 15_003,
    columns: [
      ("tablet_id", .int8), ("table_id", .oid), ("schema_name", .text), ("table_name", .text), ("lower_bound", .bytea),
      ("upper_bound", .bytea), ("leader", .int8), ("replicas", .text), ("term", .int8), ("commit_index", .int8),
      ("size_bytes", .int8),
    ]
  ) { input in
    await input.dataPlane.clusterStatus().tablets.map { status in
      let table = input.catalog.tables[status.tablet.table]
      let replicas = status.tablet.replicas.map(\.node.description).joined(separator: ", ")
      return [
        .int8(Int64(clamping: status.tablet.id.rawValue)), .oid(status.tablet.table.rawValue),
        table.map { .text($0.schema) } ?? .null, table.map { .text($0.name) } ?? .null,
        .bytes(status.tablet.lower), .bytes(status.tablet.upper),
        status.leader.map { .int8(Int64($0.rawValue)) } ?? .null, .text(replicas),
        .int8(Int64(clamping: status.term)), .int8(Int64(clamping: status.commitIndex)),
        .int8(Int64(clamping: status.sizeBytes)),
      ]
    }
  }
}
