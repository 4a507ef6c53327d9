import Coding
import Expressions
import Keys
import Values

/// The first byte of every descriptor. A node that meets a greater one was not made for it and says so.
package enum SchemaFormat {
  package static let version: UInt8 = 3
}

extension ByteReader {
  /// - Throws: `malformed` unless the next byte is the version this node writes.
  package mutating func readFormat(_ expected: UInt8, of what: String) throws(CodingError) {
    guard try readByte() == expected else { throw .malformed(what: "format version of \(what)") }
  }
}

extension ByteWriter {
  package mutating func write(_ table: TableDescriptor) {
    write(SchemaFormat.version)
    writeVarint(UInt64(table.id.rawValue))
    write(table.schema)
    write(table.name)
    writeVarint(UInt64(table.version))
    writeArray(table.columns) { $0.write($1) }
    write(table.primaryKey)
    writeArray(table.checks) { $0.write($1) }
    writeArray(table.tablets) { $0.writeVarint($1.rawValue) }
    writeArray(table.sequences) { $0.write($1) }
    write(table.isFrozen)
    writeArray(table.indexes) { $0.write($1) }
    writeArray(table.foreignKeys) { $0.write($1) }
    writeOptional(table.indexedTable) { $0.writeVarint(UInt64($1.rawValue)) }
    writeFixed(table.readableFrom.rawValue)
  }

  package mutating func write(_ column: ColumnDescriptor) {
    writeVarint(UInt64(column.id))
    write(column.name)
    write(column.type)
    write(column.isNotNull)
    writeOptional(column.defaultValue) { $0.write($1) }
    write(column.isHidden)
  }

  private mutating func write(_ value: DefaultValue) {
    switch value {
    case .expression(let expression, let sql):
      write(UInt8(1))
      write(expression)
      write(sql)
    case .sequence: write(UInt8(2))
    case .identity(let always):
      write(UInt8(3))
      write(always)
    case .rowID: write(UInt8(4))
    }
  }

  package mutating func write(_ key: PrimaryKey) {
    write(key.constraintName)
    writeCount(key.hashColumnCount)
    writeArray(key.columns) { writer, column in
      writer.writeCount(column.column)
      writer.write(column.descending)
    }
  }

  package mutating func write(_ check: CheckConstraint) {
    write(check.name)
    write(check.expression)
    write(check.sql)
  }

  package mutating func write(_ sequence: SequenceDescriptor) {
    write(sequence.name)
    writeVarint(UInt64(sequence.column))
    writeSigned(sequence.start)
    writeSigned(sequence.increment)
    writeSigned(sequence.cache)
  }
}

extension ByteReader {
  /// A table whose key names columns that it has, and whose columns have ids of their own.
  package mutating func readTableDescriptor() throws(CodingError) -> TableDescriptor {
    try readFormat(SchemaFormat.version, of: "table")
    var table = TableDescriptor(
      id: try readTableID(), schema: try readString(), name: try readString(), version: try readNarrow(),
      columns: try readArray { reader throws(CodingError) in try reader.readColumnDescriptor() },
      primaryKey: try readPrimaryKey(),
      checks: try readArray { reader throws(CodingError) in try reader.readCheckConstraint() },
      tablets: try readArray { reader throws(CodingError) in TabletID(try reader.readVarint()) },
      sequences: try readArray { reader throws(CodingError) in try reader.readSequenceDescriptor() },
      isFrozen: try readBool(),
      indexes: try readArray { reader throws(CodingError) in try reader.readIndexDescriptor() },
      foreignKeys: try readArray { reader throws(CodingError) in try reader.readForeignKey() },
      indexedTable: try readOptional { reader throws(CodingError) in try reader.readTableID() })
    table.readableFrom = HybridTime(rawValue: try readFixed())
    guard table.primaryKey.isConsistent(withColumnCount: table.columns.count) else {
      throw .malformed(what: "primary key")
    }
    // Stored rows name their columns by id.
    let ids = Set(table.columns.map(\.id))
    guard ids.count == table.columns.count, !ids.contains(0) else { throw .malformed(what: "column ids") }
    guard table.indexes.allSatisfy({ $0.isConsistent(withColumnCount: table.columns.count) }) else {
      throw .malformed(what: "index")
    }
    let positions = table.columns.indices
    guard table.foreignKeys.allSatisfy({ $0.columns.allSatisfy(positions.contains) }) else {
      throw .malformed(what: "foreign key")
    }
    return table
  }

  /// Any id but the last, which no key range could end.
  package mutating func readTableID() throws(CodingError) -> TableID {
    let id: UInt32 = try readNarrow()
    guard id != .max else { throw .malformed(what: "table id") }
    return TableID(id)
  }

  /// A varint that fits a narrower type.
  package mutating func readNarrow<T: FixedWidthInteger>() throws(CodingError) -> T {
    guard let value = T(exactly: try readVarint()) else { throw .malformed(what: "integer") }
    return value
  }

  package mutating func readColumnDescriptor() throws(CodingError) -> ColumnDescriptor {
    ColumnDescriptor(
      id: try readNarrow(), name: try readString(), type: try readSQLType(), isNotNull: try readBool(),
      defaultValue: try readOptional { reader throws(CodingError) in try reader.readDefaultValue() },
      isHidden: try readBool())
  }

  private mutating func readDefaultValue() throws(CodingError) -> DefaultValue {
    switch try readByte() {
    case 1: .expression(try readExpression(), sql: try readString())
    case 2: .sequence
    case 3: .identity(always: try readBool())
    case 4: .rowID
    default: throw .malformed(what: "default value")
    }
  }

  package mutating func readPrimaryKey() throws(CodingError) -> PrimaryKey {
    PrimaryKey(
      constraintName: try readString(), hashColumnCount: try readNarrow(),
      columns: try readArray(minimumSize: 2) { reader throws(CodingError) in
        KeyColumn(column: try reader.readNarrow(), descending: try reader.readBool())
      })
  }

  package mutating func readCheckConstraint() throws(CodingError) -> CheckConstraint {
    CheckConstraint(name: try readString(), expression: try readExpression(), sql: try readString())
  }

  package mutating func readSequenceDescriptor() throws(CodingError) -> SequenceDescriptor {
    SequenceDescriptor(
      name: try readString(), column: try readNarrow(), start: try readSigned(), increment: try readSigned(),
      cache: try readSigned())
  }
}

extension PrimaryKey {
  /// Whether every key column is one of so many columns, and no more are hashed than there are.
  package func isConsistent(withColumnCount count: Int) -> Bool {
    !columns.isEmpty && (0...columns.count).contains(hashColumnCount)
      && columns.allSatisfy { (0..<count).contains($0.column) }
  }
}
