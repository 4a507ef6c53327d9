import Coding
import Keys
import Schema

extension ByteWriter {
  package mutating func write(_ change: CatalogChange) {
    write(OperationsFormat.version)
    switch change {
    case .createTable(let table, let ifNotExists):
      write(UInt8(1))
      write(table)
      write(ifNotExists)
    case .dropTables(let names, let ifExists, let cascade):
      write(UInt8(2))
      writeArray(names) { $0.write($1) }
      write(ifExists)
      write(cascade)
    case .truncate(let tables):
      write(UInt8(3))
      writeArray(tables) { $0.writeVarint(UInt64($1.rawValue)) }
    case .replaceStorage(let table, let expectedVersion, let replacement):
      write(UInt8(4))
      writeVarint(UInt64(table.rawValue))
      writeVarint(UInt64(expectedVersion))
      writeVarint(UInt64(replacement.rawValue))
    case .freeze(let table, let expectedVersion, let isFrozen):
      write(UInt8(5))
      writeVarint(UInt64(table.rawValue))
      writeVarint(UInt64(expectedVersion))
      write(isFrozen)
    case .createIndex(let index, let table, let ifNotExists):
      write(UInt8(6))
      write(index)
      writeVarint(UInt64(table.rawValue))
      write(ifNotExists)
    case .alterTable(let table, let alteration):
      write(UInt8(7))
      writeVarint(UInt64(table.rawValue))
      write(alteration)
    }
  }

  package mutating func write(_ result: CatalogChangeResult) {
    write(OperationsFormat.version)
    switch result {
    case .done(let skipped):
      write(UInt8(1))
      writeArray(skipped) { $0.write($1) }
    }
  }

  package mutating func write(_ name: TableName) {
    write(name.schema)
    write(name.name)
  }

  private mutating func write(_ table: NewTable) {
    write(table.name)
    writeArray(table.columns) { $0.write($1) }
    write(table.primaryKey)
    writeArray(table.checks) { $0.write($1) }
    writeArray(table.sequences) { $0.write($1) }
    write(table.sharding)
    writeArray(table.indexes) { $0.write($1) }
    writeArray(table.foreignKeys) { $0.write($1) }
  }

  mutating func write(_ sharding: NewTable.Sharding) {
    switch sharding {
    case .hash(let tabletCount):
      write(UInt8(1))
      writeOptional(tabletCount) { $0.writeCount($1) }
    case .range(let splits):
      write(UInt8(2))
      writeArray(splits) { $0.write($1) }
    }
  }
}

extension ByteReader {
  package mutating func readCatalogChange() throws(CodingError) -> CatalogChange {
    try readFormat(OperationsFormat.version, of: "catalog change")
    switch try readByte() {
    case 1: return .createTable(try readNewTable(), ifNotExists: try readBool())
    case 2:
      return .dropTables(try readTableNames(), ifExists: try readBool(), cascade: try readBool())
    case 3:
      return .truncate(try readArray { reader throws(CodingError) in try reader.readTableID() })
    case 4:
      return .replaceStorage(of: try readTableID(), expectedVersion: try readNarrow(), by: try readTableID())
    case 5: return .freeze(try readTableID(), expectedVersion: try readNarrow(), isFrozen: try readBool())
    case 6: return .createIndex(try readNewIndex(), on: try readTableID(), ifNotExists: try readBool())
    case 7: return .alterTable(try readTableID(), try readTableAlteration())
    default: throw .malformed(what: "catalog change")
    }
  }

  package mutating func readCatalogChangeResult() throws(CodingError) -> CatalogChangeResult {
    try readFormat(OperationsFormat.version, of: "catalog change result")
    switch try readByte() {
    case 1: return .done(skipped: try readTableNames())
    default: throw .malformed(what: "catalog change result")
    }
  }

  package mutating func readTableName() throws(CodingError) -> TableName {
    TableName(schema: try readString(), name: try readString())
  }

  private mutating func readTableNames() throws(CodingError) -> [TableName] {
    try readArray(minimumSize: 2) { reader throws(CodingError) in try reader.readTableName() }
  }

  private mutating func readNewTable() throws(CodingError) -> NewTable {
    let table = NewTable(
      name: try readTableName(),
      columns: try readArray { reader throws(CodingError) in try reader.readColumnDescriptor() },
      primaryKey: try readPrimaryKey(),
      checks: try readArray { reader throws(CodingError) in try reader.readCheckConstraint() },
      sequences: try readArray { reader throws(CodingError) in try reader.readSequenceDescriptor() },
      sharding: try readSharding(),
      indexes: try readArray { reader throws(CodingError) in try reader.readNewIndex() },
      foreignKeys: try readArray { reader throws(CodingError) in try reader.readNewForeignKey() })
    guard table.primaryKey.isConsistent(withColumnCount: table.columns.count) else {
      throw .malformed(what: "primary key")
    }
    guard
      table.indexes.allSatisfy({
        $0.descriptor(relation: TableID(0), state: .ready).isConsistent(withColumnCount: table.columns.count)
      }), table.foreignKeys.allSatisfy({ $0.columns.allSatisfy(table.columns.indices.contains) })
    else { throw .malformed(what: "constraint of a table") }
    return table
  }

  mutating func readSharding() throws(CodingError) -> NewTable.Sharding {
    switch try readByte() {
    case 1: .hash(tabletCount: try readOptional { reader throws(CodingError) in try reader.readNarrow() })
    case 2: .range(splits: try readArray { reader throws(CodingError) in try reader.readBytes() })
    default: throw .malformed(what: "sharding")
    }
  }
}
