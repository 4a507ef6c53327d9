import Expressions
import Keys
import Operations
import Schema
import Values

/// Turns what a statement says of a table's indexes and constraints into those to be made.
struct ConstraintBuilder {
  let context: BindingContext
  /// As it is, or as it will be with the statement's own columns, indexes and constraints so far.
  var table: TableDescriptor
  /// Names of relations that the same statement takes.
  var takenNames: Set<String> = []

  /// PostgreSQL's limit (`INDEX_MAX_KEYS`).
  static let keyColumnCountMax = 32

  private var scopes: Scopes {
    get throws(SQLError) { Scopes([try Scope(table: table, alias: nil, at: nil)]) }
  }

  // MARK: - Names

  /// PostgreSQL's `ChooseRelationName`: parts joined by `_`, a number behind them where that is taken.
  private func freeName(_ parts: [String], _ suffix: String, isTaken: (String) -> Bool) -> String {
    let middle = parts.joined(separator: "_")
    var number = 0
    while true {
      let end = "_\(suffix)\(number == 0 ? "" : String(number))"
      // Names have 63 bytes.
      var front = "\(table.name)_\(middle)"
      while front.utf8.count + end.utf8.count > 63 { front.unicodeScalars.removeLast() }
      let name = front + end
      if !isTaken(name) { return name }
      number += 1
    }
  }

  private func isRelation(_ name: String) -> Bool {
    takenNames.contains(name) || name == table.name
      || context.catalog.relation(schema: table.schema, name: name) != nil
  }

  // MARK: - Indexes

  func index(_ syntax: CreateIndexSyntax) throws(SQLError) -> NewIndex {
    var keys: [IndexKey] = []
    var names: [String] = []
    var hashCount = 0
    let at = syntax.relation.location
    for (position, key) in syntax.keys.enumerated() {
      if let nullsFirst = key.nullsFirst, nullsFirst != key.isDescending {
        throw .unsupported(
          "NULLS \(nullsFirst ? "FIRST" : "LAST") in this direction",
          hint: "NULL is greater than every value: last in ascending order, first in descending.", at: at)
      }
      if key.isHashed {
        guard hashCount == position else {
          throw SQLError(.invalidTableDefinition, "hashed columns must come first in an index", at: at)
        }
        hashCount += 1
      }
      let made = try self.key(key, at: at)
      keys.append(made)
      names.append(made.column.map { table.columns[$0].name } ?? key.expression.columnName ?? "expr")
    }
    let includes = try self.includes(syntax.includes, at: at)
    try checkCount(keys.count + includes.count)
    let name =
      syntax.name
      ?? freeName(names + includes.map { table.columns[$0].name }, "idx") { isRelation($0) }
    return try made(
      NewIndex(
        name: name, isUnique: syntax.isUnique, nullsAreEqual: syntax.nullsAreEqual, keys: keys, includes: includes,
        predicate: try predicate(syntax.filter), hashColumnCount: hashCount, sharding: .range(splits: [])),
      syntax.split, syntax.splitRows)
  }

  /// A UNIQUE constraint's index. Its look-ups are of single keys, and it is made with an empty table more often than not:
  /// its first column is hashed, so that it is spread from the start. Other indexes are in key order (SQL's page says why).
  func unique(
    _ constraint: ConstraintSyntax, columns names: [String], includes: [String], nullsAreEqual: Bool
  ) throws(SQLError) -> NewIndex {
    var keys: [IndexKey] = []
    for name in names {
      let position = try self.position(of: name, at: constraint.location)
      if keys.contains(where: { $0.column == position }) {
        throw SQLError(
          .duplicateColumn, "column \"\(name)\" appears twice in unique constraint", at: constraint.location)
      }
      keys.append(try columnKey(position, at: constraint.location))
    }
    let includes = try self.includes(includes, at: constraint.location)
    try checkCount(keys.count + includes.count)
    let name =
      constraint.name
      ?? freeName(names, "key") { isRelation($0) || table.constraintNames.contains($0) }
    if constraint.name != nil { try requireFree(name, at: constraint.location) }
    return try made(
      NewIndex(
        name: name, isUnique: true, nullsAreEqual: nullsAreEqual, isConstraint: true, keys: keys, includes: includes,
        hashColumnCount: 1, sharding: .hash(tabletCount: nil)), nil, [])
  }

  private func made(
    _ new: NewIndex, _ split: ShardingSyntax.Split?, _ rows: [[ExpressionSyntax]]
  ) throws(SQLError) -> NewIndex {
    if isRelation(new.name), context.catalog.relation(schema: table.schema, name: new.name) == nil {
      throw SQLError(.duplicateTable, "relation \"\(new.name)\" already exists")
    }
    var new = new
    let relation = new.relation(TableID(0), of: table, tablets: [])
    new.sharding = try ShardingBuilder(
      context: context, key: relation.primaryKey, columns: relation.columns, kind: "indexes"
    ).build(split, rows)
    return new
  }

  private func checkCount(_ count: Int) throws(SQLError) {
    guard count <= Self.keyColumnCountMax else {
      throw SQLError(
        SQLState(code: "54011"), "cannot use more than \(Self.keyColumnCountMax) columns in an index")
    }
  }

  private func key(_ syntax: IndexKeySyntax, at location: Int?) throws(SQLError) -> IndexKey {
    if case .column(let names, _) = syntax.expression, names.count == 1 {
      var key = try columnKey(try position(of: names[0], at: location), at: location)
      key.isDescending = syntax.isDescending
      return key
    }
    var binder = ExpressionBinder(context: context, scopes: try scopes, parameters: ParameterTypes(count: 0, given: []))
    binder.clause = "index expressions"
    binder.rowsAreMany = true
    let bound = try binder.bind(syntax.expression)
    try requireImmutable(bound, "index expression", at: syntax.expression.location)
    do {
      try KeyEncoder.requireOrder(of: bound.type)
    } catch { throw error.at(syntax.expression.location) }
    let sql = Deparser(columns: table.columns.map(\.name)).text(bound)
    // PostgreSQL shows a call without the brackets that any other expression has.
    return IndexKey(expression: bound, sql: sql, isDescending: syntax.isDescending)
  }

  private func columnKey(_ position: Int, at location: Int?) throws(SQLError) -> IndexKey {
    let column = table.columns[position]
    do {
      try KeyEncoder.requireOrder(of: column.type)
    } catch { throw error.at(location) }
    return IndexKey(
      expression: .column(position, column.type), sql: Deparser.quoted(column.name), isDescending: false)
  }

  private func predicate(_ syntax: ExpressionSyntax?) throws(SQLError) -> IndexPredicate? {
    guard let syntax else { return nil }
    var binder = ExpressionBinder(context: context, scopes: try scopes, parameters: ParameterTypes(count: 0, given: []))
    binder.clause = "index predicates"
    binder.rowsAreMany = true
    let bound = try binder.bindCondition(syntax)
    try requireImmutable(bound, "index predicate", at: syntax.location)
    return IndexPredicate(
      expression: bound, sql: Deparser(columns: table.columns.map(\.name)).text(bound))
  }

  private func requireImmutable(_ bound: Expression, _ what: String, at location: Int?) throws(SQLError) {
    guard bound.volatility == .immutable else {
      throw SQLError("42P17", "functions in \(what) must be marked IMMUTABLE", at: location)
    }
  }

  private func includes(_ names: [String], at location: Int?) throws(SQLError) -> [Int] {
    var positions: [Int] = []
    for name in names { positions.append(try position(of: name, at: location)) }
    return positions
  }

  func position(of name: String, at location: Int?) throws(SQLError) -> Int {
    guard let position = table.position(ofColumnNamed: name), !table.columns[position].isHidden else {
      throw SQLError(.undefinedColumn, "column \"\(name)\" named in key does not exist", at: location)
    }
    return position
  }

  // MARK: - Foreign keys

  /// - Parameter column: the column that the constraint stands with, if it stands with one.
  func foreignKey(
    _ constraint: ConstraintSyntax, _ syntax: ForeignKeySyntax, column: String?
  ) throws(SQLError) -> NewForeignKey {
    let names = column.map { [$0] } ?? syntax.columns
    var columns: [Int] = []
    for name in names {
      guard let position = table.position(ofColumnNamed: name), !table.columns[position].isHidden else {
        throw SQLError(
          .undefinedColumn, "column \"\(name)\" referenced in foreign key constraint does not exist",
          at: constraint.location)
      }
      columns.append(position)
    }
    let referenced = try self.referenced(syntax.referenced)
    var positions: [Int] = []
    if syntax.referencedColumns.isEmpty {
      guard referenced.hasUserKey else {
        throw SQLError(
          .undefinedObject, "there is no primary key for referenced table \"\(referenced.name)\"",
          at: constraint.location)
      }
      positions = referenced.keyPositions
    }
    for name in syntax.referencedColumns {
      guard let position = referenced.position(ofColumnNamed: name), !referenced.columns[position].isHidden else {
        throw SQLError(
          .undefinedColumn, "column \"\(name)\" referenced in foreign key constraint does not exist",
          at: constraint.location)
      }
      positions.append(position)
    }
    guard columns.count == positions.count else {
      throw SQLError(
        "42830", "number of referencing and referenced columns for foreign key disagree", at: constraint.location)
    }
    let isTaken = { (name: String) in table.constraintNames.contains(name) }
    let name = constraint.name ?? freeName(names, "fkey", isTaken: isTaken)
    if constraint.name != nil { try requireFree(name, at: constraint.location) }
    for (column, position) in zip(columns, positions) {
      let (from, to) = (table.columns[column], referenced.columns[position])
      guard from.type.kind.isReferable(to: to.type.kind) else {
        throw SQLError(
          .datatypeMismatch, "foreign key constraint \"\(name)\" cannot be implemented",
          detail: "Key columns \"\(from.name)\" and \"\(to.name)\" are of incompatible types: "
            + "\(TypeCatalog.format(from.type)) and \(TypeCatalog.format(to.type)).", at: constraint.location)
      }
    }
    return NewForeignKey(
      name: name, columns: columns, referencedTable: referenced.id == table.id ? nil : referenced.id,
      referencedColumns: positions,
      referencedIndex: try keyIndex(of: positions, in: referenced, at: constraint.location),
      onDelete: syntax.onDelete, onUpdate: syntax.onUpdate, isMatchFull: syntax.isMatchFull)
  }

  private func referenced(_ relation: RelationSyntax) throws(SQLError) -> TableDescriptor {
    if relation.name == table.name, relation.schema == nil || relation.schema == table.schema { return table }
    switch try context.relation(relation) {
    case .table(let table): return table
    case .view:
      throw SQLError(
        .wrongObjectType, "referenced relation \"\(relation.name)\" is not a table", at: relation.location)
    }
  }

  /// The unique index over just these columns; nil if they are the primary key.
  private func keyIndex(of positions: [Int], in table: TableDescriptor, at location: Int?) throws(SQLError) -> String? {
    let wanted = Set(positions)
    if wanted.count == positions.count {
      if table.hasUserKey, table.keyPositions.count == wanted.count, Set(table.keyPositions) == wanted { return nil }
      let index = table.indexes.first { index in
        index.isUnique && index.predicate == nil && index.state.isReadable && index.keys.count == wanted.count
          && Set(index.keys.compactMap(\.column)) == wanted
      }
      if let index { return index.name }
    }
    throw SQLError(
      "42830", "there is no unique constraint matching given keys for referenced table \"\(table.name)\"",
      at: location)
  }

  private func requireFree(_ name: String, at location: Int?) throws(SQLError) {
    if table.constraintNames.contains(name) {
      throw SQLError(
        .duplicateObject, "constraint \"\(name)\" for relation \"\(table.name)\" already exists", at: location)
    }
  }

  // MARK: - Checks

  /// - Parameter column: the column that the constraint stands with, if it stands with one.
  func check(
    _ constraint: ConstraintSyntax, _ condition: ExpressionSyntax, column: String?
  ) throws(SQLError) -> CheckConstraint {
    var binder = ExpressionBinder(context: context, scopes: try scopes, parameters: ParameterTypes(count: 0, given: []))
    binder.clause = "check constraints"
    binder.rowsAreMany = true
    var bound = try binder.bindUnsettled(condition)
    guard bound.type.kind == .boolean || bound.type.kind == .unknown else {
      throw SQLError(
        .datatypeMismatch,
        "argument of CHECK must be type boolean, not type \(TypeCatalog.format(bound.type))", at: condition.location)
    }
    bound = try binder.coerce(bound, to: .boolean, .implicit, at: condition.location)
    let used = bound.columnsUsed.sorted()
    let middle = used.count == 1 ? table.columns[used[0]].name : column
    let isTaken = { (name: String) in table.constraintNames.contains(name) }
    if let name = constraint.name, isTaken(name) {
      let what = table.checks.contains { $0.name == name } ? "check constraint \"\(name)\"" : "constraint \"\(name)\""
      throw SQLError(.duplicateObject, "\(what) already exists", at: constraint.location)
    }
    let name =
      constraint.name
      ?? (middle.map { freeName([$0], "check", isTaken: isTaken) } ?? freeNameOfTable("check", isTaken: isTaken))
    let sql = Deparser(columns: table.columns.map(\.name)).text(bound)
    return CheckConstraint(name: name, expression: bound, sql: "CHECK (\(sql))")
  }

  private func freeNameOfTable(_ suffix: String, isTaken: (String) -> Bool) -> String {
    var number = 0
    while isTaken("\(table.name)_\(suffix)\(number == 0 ? "" : String(number))") { number += 1 }
    return "\(table.name)_\(suffix)\(number == 0 ? "" : String(number))"
  }
}

extension TypeKind {
  /// Whether a foreign key of this type can look up a key of that one: their values are equal as keys, or as integers.
  func isReferable(to other: TypeKind) -> Bool {
    let integers: Set<TypeKind> = [.int2, .int4, .int8]
    let texts: Set<TypeKind> = [.text, .varchar, .name]
    return self == other || integers.isSuperset(of: [self, other]) || texts.isSuperset(of: [self, other])
  }
}
