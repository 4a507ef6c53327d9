import Expressions
import Keys
import Operations
import Schema
import Values

/// Turns CREATE TABLE into a table to be made.
struct TableBuilder {
  let context: BindingContext
  private let syntax: CreateTableSyntax
  private var columns: [ColumnDescriptor] = []
  private var sequences: [SequenceDescriptor] = []
  private var indexes: [NewIndex] = []
  private var foreignKeys: [NewForeignKey] = []
  private var key: (name: String?, columns: [String], orders: [ShardingSyntax.KeyOrder], at: Int?)?

  /// PostgreSQL's limit is 1,600; ours keeps a row's offsets small.
  static let columnCountMax = 1_000
  static let tabletCountMax = 1_000
  /// The column that is the key of a table without one.
  static let rowIDName = "apus_row_id"

  static func build(_ syntax: CreateTableSyntax, context: BindingContext) throws(SQLError) -> NewTable {
    var builder = TableBuilder(syntax, context)
    return try builder.build()
  }

  /// A column for a table that has rows: they have NULL in it, so nothing may ask for more.
  static func addedColumn(
    _ column: ColumnSyntax, to table: TableDescriptor, context: BindingContext
  ) throws(SQLError) -> ColumnDescriptor {
    guard table.column(named: column.name) == nil else {
      throw SQLError(
        .duplicateColumn, "column \"\(column.name)\" of relation \"\(table.name)\" already exists",
        at: column.location)
    }
    guard column.constraints.allSatisfy({ if case .null = $0.kind { true } else { false } }) else {
      throw .unsupported(
        "adding a column with a default or a constraint",
        hint: "Add the column alone, fill it with UPDATE, then add the constraint.", at: column.location)
    }
    var builder = TableBuilder(
      CreateTableSyntax(
        relation: RelationSyntax(schema: table.schema, name: table.name), columns: [column], constraints: [],
        options: [], ifNotExists: false), context)
    try builder.add(column)
    guard builder.sequences.isEmpty, let made = builder.columns.first else {
      throw .unsupported("adding a serial column", at: column.location)
    }
    return made
  }

  private init(_ syntax: CreateTableSyntax, _ context: BindingContext) {
    self.syntax = syntax
    self.context = context
  }

  private var tableName: String { syntax.relation.name }

  private mutating func build() throws(SQLError) -> NewTable {
    let schema = try Self.targetSchema(syntax.relation, context)
    try checkOptions()
    guard !syntax.columns.isEmpty else {
      throw .unsupported("a table without columns", at: syntax.relation.location)
    }
    guard syntax.columns.count <= Self.columnCountMax else {
      throw SQLError(SQLState(code: "54011"), "tables can have at most \(Self.columnCountMax) columns")
    }
    for column in syntax.columns { try add(column) }
    for constraint in syntax.constraints { try add(constraint, of: nil) }
    let primaryKey = try makeKey()
    var constraints = ConstraintBuilder(
      context: context,
      table: TableDescriptor(
        id: TableID(0), schema: schema, name: tableName, version: 1, columns: columns, primaryKey: primaryKey,
        checks: [], tablets: [], sequences: []))
    try addConstraints(to: &constraints)
    let sharding = ShardingBuilder(context: context, key: primaryKey, columns: columns, kind: "tables")
    return NewTable(
      name: TableName(schema: schema, name: tableName), columns: columns, primaryKey: primaryKey,
      checks: constraints.table.checks, sequences: sequences,
      sharding: try sharding.build(syntax.split, syntax.splitRows), indexes: indexes, foreignKeys: foreignKeys)
  }

  /// The constraints that may name any column: unique ones first, as foreign keys may refer to them.
  private mutating func addConstraints(to builder: inout ConstraintBuilder) throws(SQLError) {
    let all =
      syntax.columns.flatMap { column in column.constraints.map { ($0, Optional(column.name)) } }
      + syntax.constraints.map { ($0, nil) }
    for (constraint, column) in all {
      switch constraint.kind {
      case .check(let condition):
        builder.table.checks.append(try builder.check(constraint, condition, column: column))
      case .unique(let names, let includes, let nullsAreEqual):
        let index = try builder.unique(
          constraint, columns: column.map { [$0] } ?? names, includes: includes, nullsAreEqual: nullsAreEqual)
        builder.takenNames.insert(index.name)
        // Of foreign keys to it, only the name is kept until the index has a relation.
        builder.table.indexes.append(index.descriptor(relation: TableID(0), state: .ready))
        indexes.append(index)
      default: break
      }
    }
    for (constraint, column) in all {
      guard case .foreignKey(let key) = constraint.kind else { continue }
      let made = try builder.foreignKey(constraint, key, column: column)
      // There for its name, so that the next one gets another.
      builder.table.foreignKeys.append(
        ForeignKey(
          name: made.name, columns: made.columns, referencedTable: TableID(0),
          referencedColumns: made.referencedColumns, referencedIndex: nil))
      foreignKeys.append(made)
    }
  }

  static func targetSchema(_ relation: RelationSyntax, _ context: BindingContext) throws(SQLError) -> String {
    let schema = relation.schema ?? context.searchPath.first { context.schemaExists($0) }
    guard let schema else {
      throw SQLError(SQLState(code: "3F000"), "no schema has been selected to create in", at: relation.location)
    }
    guard context.schemaExists(schema) else {
      throw SQLError(SQLState(code: "3F000"), "schema \"\(schema)\" does not exist", at: relation.location)
    }
    guard !context.virtualTables.hasSchema(schema), !schema.hasPrefix("pg_") else {
      throw SQLError(.insufficientPrivilege, "permission denied for schema \(schema)", at: relation.location)
    }
    return schema
  }

  private func checkOptions() throws(SQLError) {
    for option in syntax.options {
      switch option.name {
      // How full a page is to be made: there are no pages to fill here.
      case "fillfactor":
        guard case .number(let percent) = option.value, (10...100).contains(percent) else {
          throw SQLError(
            .invalidParameterValue, "value out of bounds for option \"fillfactor\"",
            detail: "Valid values are between \"10\" and \"100\".")
        }
      case let name where name.hasPrefix("autovacuum_"): break
      default:
        throw SQLError(.invalidParameterValue, "unrecognized parameter \"\(option.name)\"")
      }
    }
  }

  // MARK: - Columns

  private mutating func add(_ column: ColumnSyntax) throws(SQLError) {
    if columns.contains(where: { $0.name == column.name }) {
      throw SQLError(
        .duplicateColumn, "column \"\(column.name)\" specified more than once", at: column.location)
    }
    if column.name == Self.rowIDName {
      throw SQLError(SQLState(code: "42939"), "column name \"\(column.name)\" is reserved", at: column.location)
    }
    let typeName = column.type.names.last ?? ""
    let isSerial = column.type.names.count == 1 && TypeCatalog.isSerial(typeName)
    var descriptor = ColumnDescriptor(
      id: UInt16(columns.count + 1), name: column.name, type: try ExpressionBinder.type(column.type),
      isNotNull: isSerial, defaultValue: nil)
    if [.void, .unknown].contains(descriptor.type.kind) {
      throw SQLError(
        .invalidTableDefinition,
        "column \"\(column.name)\" has pseudo-type \(TypeCatalog.format(descriptor.type))", at: column.location)
    }
    if isSerial {
      descriptor.defaultValue = .sequence
      try addSequence(for: descriptor, options: [])
    }
    columns.append(descriptor)
    for constraint in column.constraints { try add(constraint, of: columns.count - 1) }
  }

  private mutating func addSequence(for column: ColumnDescriptor, options: [OptionSyntax]) throws(SQLError) {
    var sequence = SequenceDescriptor(
      name: "\(tableName)_\(column.name)_seq", column: column.id, start: 1, increment: 1, cache: 100)
    for option in options {
      guard case .number(let number) = option.value else {
        if option.name == "cycle" || option.value == .none { continue }
        throw .unsupported("the sequence option \(option.name)", at: option.location)
      }
      switch option.name {
      case "start": sequence.start = Int64(number)
      case "increment":
        guard number != 0 else { throw SQLError(.invalidParameterValue, "INCREMENT must not be zero") }
        sequence.increment = Int64(number)
      case "cache": sequence.cache = Int64(max(1, number))
      default: throw .unsupported("the sequence option \(option.name)", at: option.location)
      }
    }
    sequences.append(sequence)
  }

  // MARK: - Constraints

  private mutating func add(_ constraint: ConstraintSyntax, of column: Int?) throws(SQLError) {
    switch constraint.kind {
    case .null, .check, .unique, .foreignKey: break
    case .notNull: if let column { columns[column].isNotNull = true }
    case .defaultValue(let value): if let column { try setDefault(value, of: column, at: constraint.location) }
    case .identity(let always, let options):
      guard let column else { break }
      guard [.int2, .int4, .int8].contains(columns[column].type.kind) else {
        throw SQLError(
          .invalidParameterValue, "identity column type must be smallint, integer, or bigint",
          at: constraint.location)
      }
      if columns[column].defaultValue != nil {
        throw SQLError(
          .syntaxError,
          "both default and identity specified for column \"\(columns[column].name)\" of table \"\(tableName)\"",
          at: constraint.location)
      }
      columns[column].defaultValue = .identity(always: always)
      columns[column].isNotNull = true
      try addSequence(for: columns[column], options: options)
    case .primaryKey(let names, let orders):
      guard key == nil else {
        throw SQLError(
          .invalidTableDefinition, "multiple primary keys for table \"\(tableName)\" are not allowed",
          at: constraint.location)
      }
      key = (constraint.name, column.map { [columns[$0].name] } ?? names, orders, constraint.location)
    case .unsupported(let what): throw .unsupported(what, at: constraint.location)
    }
  }

  private mutating func setDefault(
    _ value: ExpressionSyntax, of column: Int, at location: Int?
  ) throws(SQLError) {
    if columns[column].defaultValue != nil {
      throw SQLError(
        .syntaxError,
        "multiple default values specified for column \"\(columns[column].name)\" of table \"\(tableName)\"",
        at: location)
    }
    var binder = ExpressionBinder(context: context, parameters: ParameterTypes(count: 0, given: []))
    binder.clause = "DEFAULT expressions"
    if let names = value.firstColumn {
      throw SQLError(
        .featureNotSupported, "cannot use column reference in DEFAULT expression", at: names)
    }
    let bound: Expression
    do {
      bound = try binder.bindAssignment(value, to: columns[column])
    } catch {
      var error = error
      error.message = error.message.replacing("but expression is of type", with: "but default expression is of type")
      throw error
    }
    if !binder.parameters.slots.isEmpty {
      throw .unsupported(
        "this function in a DEFAULT", hint: "For numbered rows use serial or GENERATED … AS IDENTITY.",
        at: value.location)
    }
    if case .constant(let datum, _) = bound, datum.isNull { return }
    let sql = Deparser(columns: []).text(bound)
    columns[column].defaultValue = .expression(bound, sql: sql)
  }

  // MARK: - Key and tablets

  private mutating func makeKey() throws(SQLError) -> PrimaryKey {
    let name = "\(tableName)_pkey"
    guard let key else {
      columns.append(
        ColumnDescriptor(
          id: UInt16(columns.count + 1), name: Self.rowIDName, type: .uuid, isNotNull: true, defaultValue: .rowID,
          isHidden: true))
      return PrimaryKey(
        constraintName: name, hashColumnCount: 1, columns: [KeyColumn(column: columns.count - 1, descending: false)])
    }
    return try Self.primaryKey(
      name: key.name ?? name, columns: key.columns, orders: key.orders, of: &columns, at: key.at)
  }

  /// A key over named columns, which become NOT NULL. Where nothing else is said, the first column is hashed and the
  /// others ascend, as in YugabyteDB.
  static func primaryKey(
    name: String, columns names: [String], orders: [ShardingSyntax.KeyOrder], of columns: inout [ColumnDescriptor],
    at location: Int?
  ) throws(SQLError) -> PrimaryKey {
    var keyColumns: [KeyColumn] = []
    var hashCount = 0
    for (index, column) in names.enumerated() {
      guard let position = columns.firstIndex(where: { $0.name == column && !$0.isHidden }) else {
        throw SQLError(.undefinedColumn, "column \"\(column)\" named in key does not exist", at: location)
      }
      if keyColumns.contains(where: { $0.column == position }) {
        throw SQLError(
          .duplicateColumn, "column \"\(column)\" appears twice in primary key constraint", at: location)
      }
      do {
        try KeyEncoder.requireOrder(of: columns[position].type)
      } catch { throw error.at(location) }
      let order = index < orders.count ? orders[index] : .unspecified
      let isHashed = order == .hash || (order == .unspecified && index == 0)
      if isHashed {
        guard hashCount == index else {
          throw SQLError(
            .invalidTableDefinition, "hashed columns must come first in the primary key", at: location)
        }
        hashCount += 1
      }
      columns[position].isNotNull = true
      keyColumns.append(KeyColumn(column: position, descending: order == .descending))
    }
    return PrimaryKey(constraintName: name, hashColumnCount: hashCount, columns: keyColumns)
  }
}

extension ExpressionSyntax {
  /// Where the first column reference stands.
  fileprivate var firstColumn: Int? {
    if case .column(_, let at) = self { return at ?? 0 }
    if case .call(let call) = self { return call.arguments.compactMap(\.firstColumn).first }
    return children.compactMap(\.firstColumn).first
  }
}
