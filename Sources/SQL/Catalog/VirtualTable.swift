import Operations
import Schema
import Values

/// A view whose rows this node computes: read by the same executor as a table, at the gateway.
struct VirtualTable: Sendable {
  var schema: String
  var name: String
  /// Below 16,384: PostgreSQL's own OID where it has one.
  var oid: UInt32
  var columns: [(name: String, type: SQLType)]
  var rows: @Sendable (VirtualTables.Input) async -> [Row]
}

/// All views there are.
struct VirtualTables: Sendable {
  /// What views are made from, as one execution sees it.
  struct Input: Sendable {
    var catalog: CatalogSnapshot
    var dataPlane: any DataPlane
    var settings: Settings
    var facts: SessionFacts
    var registry: SessionRegistry
    var views: VirtualTables
  }

  let tables: [VirtualTable]
  private let byName: [String: Int]
  private let schemas: Set<String>

  init(_ tables: [VirtualTable]) {
    self.tables = tables
    var byName: [String: Int] = [:]
    for (index, table) in tables.enumerated() { byName["\(table.schema).\(table.name)"] = index }
    self.byName = byName
    schemas = Set(tables.map(\.schema))
  }

  func table(schema: String, name: String) -> VirtualTable? { byName["\(schema).\(name)"].map { tables[$0] } }
  func hasSchema(_ name: String) -> Bool { schemas.contains(name) }

  static let standard = VirtualTables(
    SystemViews.all + [ActivityView.activity, TransactionViews.locks, TransactionViews.transactions]
      + InformationSchema.all + ClusterViews.all)
}
