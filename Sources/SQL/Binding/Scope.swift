import Schema
import Values

/// A column that expressions may name.
struct ScopeColumn: Sendable {
  var name: String
  var type: SQLType
  /// Not part of `*`.
  var isHidden = false
  /// `pg_attribute`'s key, 0 where it is not a column of a table.
  var tableOID: UInt32 = 0
  var attributeNumber: Int16 = 0
}

/// One named source of columns, as an entry of FROM. Columns stand in the input row from `offset` on.
struct Scope: Sendable {
  var name: String
  var schema: String?
  /// The table's own name, where an alias hides it.
  var hiddenName: String?
  var columns: [ScopeColumn]
  var offset = 0

  init(name: String, schema: String? = nil, hiddenName: String? = nil, columns: [ScopeColumn], offset: Int = 0) {
    self.name = name
    self.schema = schema
    self.hiddenName = hiddenName
    self.columns = columns
    self.offset = offset
  }

  init(table: TableDescriptor, alias: String?, columnAliases: [String] = [], at location: Int?) throws(SQLError) {
    var columns = table.columns.map {
      ScopeColumn(
        name: $0.name, type: $0.type, isHidden: $0.isHidden, tableOID: table.id.rawValue,
        attributeNumber: Int16(truncatingIfNeeded: $0.id))
    }
    let visible = columns.indices.filter { !columns[$0].isHidden }
    guard columnAliases.count <= visible.count else {
      throw SQLError(
        .invalidColumnReference,
        "table \"\(alias ?? table.name)\" has \(visible.count) columns available but \(columnAliases.count) columns specified",
        at: location)
    }
    for (index, name) in zip(visible, columnAliases) { columns[index].name = name }
    self.init(
      name: alias ?? table.name, schema: alias == nil ? table.schema : nil,
      hiddenName: alias == nil ? nil : table.name, columns: columns)
  }

  func position(of name: String) -> Int? {
    columns.firstIndex { $0.name == name && $0.name.utf8.elementsEqual(name.utf8) }
  }
}

/// The names in reach of an expression.
struct Scopes: Sendable {
  var list: [Scope] = []

  init(_ list: [Scope] = []) { self.list = list }

  /// Finds a column: its place in the input row, and what it is.
  func resolve(_ names: [String], at location: Int?) throws(SQLError) -> (index: Int, column: ScopeColumn) {
    guard let name = names.last, names.count <= 3 else {
      throw SQLError(.syntaxError, "improper qualified name (too many dotted names)", at: location)
    }
    guard names.count > 1 else { return try resolveUnqualified(name, at: location) }
    let table = names[names.count - 2]
    let schema = names.count == 3 ? names[0] : nil
    let scope = try self.scope(named: table, schema: schema, at: location)
    guard let position = scope.position(of: name) else {
      throw SQLError(
        .undefinedColumn, "column \(table).\(name) does not exist", hint: hint(for: name, in: [scope]), at: location)
    }
    return (scope.offset + position, scope.columns[position])
  }

  private func resolveUnqualified(_ name: String, at location: Int?) throws(SQLError) -> (Int, ScopeColumn) {
    var found: (Int, ScopeColumn)?
    for scope in list {
      guard let position = scope.position(of: name) else { continue }
      if found != nil {
        throw SQLError(.ambiguousColumn, "column reference \"\(name)\" is ambiguous", at: location)
      }
      found = (scope.offset + position, scope.columns[position])
    }
    guard let found else {
      throw SQLError(
        .undefinedColumn, "column \"\(name)\" does not exist", hint: hint(for: name, in: list), at: location)
    }
    return found
  }

  func scope(named name: String, schema: String?, at location: Int?) throws(SQLError) -> Scope {
    if let scope = list.first(where: { $0.name == name && (schema == nil || $0.schema == schema) }) { return scope }
    if let hidden = list.first(where: { $0.hiddenName == name }) {
      throw SQLError(
        .undefinedTable, "invalid reference to FROM-clause entry for table \"\(name)\"",
        hint: "Perhaps you meant to reference the table alias \"\(hidden.name)\".", at: location)
    }
    throw SQLError(.undefinedTable, "missing FROM-clause entry for table \"\(name)\"", at: location)
  }

  /// The one column whose name is nearest, if it is near enough.
  private func hint(for name: String, in scopes: [Scope]) -> String? {
    var best: (distance: Int, text: String, count: Int)?
    for scope in scopes {
      for column in scope.columns where !column.isHidden {
        let distance = EditDistance.between(name, column.name)
        guard distance <= min(3, name.utf8.count / 2) else { continue }
        let text = "\"\(scope.name).\(column.name)\""
        switch best {
        case .some(let known) where known.distance < distance: break
        case .some(let known) where known.distance == distance:
          best = (distance, "\(known.text) or the column \(text)", known.count + 1)
        default: best = (distance, text, 1)
        }
      }
    }
    guard let best, best.count <= 2 else { return nil }
    return "Perhaps you meant to reference the column \(best.text)."
  }
}

/// Levenshtein's distance, for "perhaps you meant".
enum EditDistance {
  static func between(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.unicodeScalars.prefix(64)), Array(b.unicodeScalars.prefix(64)))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let substituted = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
