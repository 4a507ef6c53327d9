import Coding
import Keys

extension ByteWriter {
  package mutating func write(_ tablet: TabletDescriptor) {
    write(SchemaFormat.version)
    writeVarint(tablet.id.rawValue)
    writeVarint(UInt64(tablet.table.rawValue))
    write(tablet.lower)
    write(tablet.upper)
    writeArray(tablet.replicas) { writer, replica in
      writer.writeVarint(UInt64(replica.node.rawValue))
      writer.writeVarint(replica.replica)
    }
  }

  package mutating func write(_ node: NodeDescriptor) {
    write(SchemaFormat.version)
    writeVarint(UInt64(node.id.rawValue))
    write(node.cloud)
    write(node.region)
    write(node.zone)
    write(node.rpcAddress)
    write(node.sqlAddress)
    write(node.httpAddress)
    writeFixed(node.incarnation)
  }

  /// The whole catalog, its parts by id, so that equal catalogs are equal bytes.
  package mutating func write(_ catalog: CatalogSnapshot) {
    write(SchemaFormat.version)
    writeVarint(catalog.version)
    writeArray(catalog.tables.values.sorted { $0.id < $1.id }) { $0.write($1) }
    writeArray(catalog.tablets.values.sorted { $0.id < $1.id }) { $0.write($1) }
    writeArray(catalog.nodes.values.sorted { $0.id < $1.id }) { $0.write($1) }
  }
}

extension ByteReader {
  package mutating func readTabletDescriptor() throws(CodingError) -> TabletDescriptor {
    try readFormat(SchemaFormat.version, of: "tablet")
    return TabletDescriptor(
      id: TabletID(try readVarint()), table: try readTableID(), lower: try readBytes(), upper: try readBytes(),
      replicas: try readArray(minimumSize: 2) { reader throws(CodingError) in
        ReplicaDescriptor(node: NodeID(try reader.readNarrow()), replica: try reader.readVarint())
      })
  }

  package mutating func readNodeDescriptor() throws(CodingError) -> NodeDescriptor {
    try readFormat(SchemaFormat.version, of: "node")
    return NodeDescriptor(
      id: NodeID(try readNarrow()), cloud: try readString(), region: try readString(), zone: try readString(),
      rpcAddress: try readString(), sqlAddress: try readString(), httpAddress: try readString(),
      incarnation: try readFixed())
  }

  /// - Throws: `malformed` if an id is there twice.
  package mutating func readCatalogSnapshot() throws(CodingError) -> CatalogSnapshot {
    try readFormat(SchemaFormat.version, of: "catalog")
    let version = try readVarint()
    let tables = try readArray { reader throws(CodingError) in try reader.readTableDescriptor() }
    let tablets = try readArray { reader throws(CodingError) in try reader.readTabletDescriptor() }
    let nodes = try readArray { reader throws(CodingError) in try reader.readNodeDescriptor() }
    var catalog = CatalogParts()
    for table in tables { catalog.tables[table.id] = table }
    for tablet in tablets { catalog.tablets[tablet.id] = tablet }
    for node in nodes { catalog.nodes[node.id] = node }
    guard catalog.tables.count == tables.count, catalog.tablets.count == tablets.count,
      catalog.nodes.count == nodes.count
    else { throw .malformed(what: "catalog with an id twice") }
    return CatalogSnapshot(
      version: version, tables: catalog.tables, tablets: catalog.tablets, nodes: catalog.nodes)
  }
}

private struct CatalogParts {
  var tables: [TableID: TableDescriptor] = [:]
  var tablets: [TabletID: TabletDescriptor] = [:]
  var nodes: [NodeID: NodeDescriptor] = [:]
}

extension TabletDescriptor {
  package var bounds: KeyRange { KeyRange(lower: lower, upper: upper) }
}
