import Coding
import Expressions
import Keys
import Schema

extension ByteWriter {
  mutating func write(_ index: NewIndex) {
    // What the descriptor has is written as the descriptor's; the placement service chooses the rest anew.
    write(index.descriptor(relation: TableID(0), state: .deleteOnly))
    writeCount(index.hashColumnCount)
    write(index.sharding)
  }

  mutating func write(_ key: NewForeignKey) {
    write(key.name)
    writeArray(key.columns) { $0.writeCount($1) }
    writeOptional(key.referencedTable) { $0.writeVarint(UInt64($1.rawValue)) }
    writeArray(key.referencedColumns) { $0.writeCount($1) }
    writeOptional(key.referencedIndex) { $0.write($1) }
    write(key.onDelete.rawValue)
    write(key.onUpdate.rawValue)
    write(key.isMatchFull)
  }

  mutating func write(_ alteration: TableAlteration) {
    switch alteration {
    case .setIndexState(let relation, let state, let readableFrom):
      write(UInt8(1))
      writeVarint(UInt64(relation.rawValue))
      write(state.rawValue)
      writeFixed(readableFrom.rawValue)
    case .dropIndex(let relation):
      write(UInt8(2))
      writeVarint(UInt64(relation.rawValue))
    case .addForeignKey(let key):
      write(UInt8(3))
      write(key)
    case .validateForeignKey(let name):
      write(UInt8(4))
      write(name)
    case .dropForeignKey(let name):
      write(UInt8(5))
      write(name)
    case .addCheck(let check):
      write(UInt8(6))
      write(check)
    case .dropCheck(let name):
      write(UInt8(7))
      write(name)
    case .addColumn(let column):
      write(UInt8(8))
      write(column)
    }
  }
}

extension ByteReader {
  mutating func readNewIndex() throws(CodingError) -> NewIndex {
    let index = try readIndexDescriptor()
    let new = NewIndex(
      name: index.name, isUnique: index.isUnique, nullsAreEqual: index.nullsAreEqual,
      isConstraint: index.isConstraint, keys: index.keys, includes: index.includes, predicate: index.predicate,
      hashColumnCount: try readNarrow(), sharding: try readSharding())
    guard !new.keys.isEmpty, (0...new.keys.count).contains(new.hashColumnCount) else {
      throw .malformed(what: "index")
    }
    return new
  }

  mutating func readNewForeignKey() throws(CodingError) -> NewForeignKey {
    let key = NewForeignKey(
      name: try readString(), columns: try readPositions(),
      referencedTable: try readOptional { reader throws(CodingError) in try reader.readTableID() },
      referencedColumns: try readPositions(),
      referencedIndex: try readOptional { reader throws(CodingError) in try reader.readString() },
      onDelete: try readAction(), onUpdate: try readAction(), isMatchFull: try readBool())
    guard !key.columns.isEmpty, key.columns.count == key.referencedColumns.count else {
      throw .malformed(what: "foreign key")
    }
    return key
  }

  mutating func readTableAlteration() throws(CodingError) -> TableAlteration {
    switch try readByte() {
    case 1:
      let relation = try readTableID()
      guard let state = IndexState(rawValue: try readByte()) else { throw .malformed(what: "index state") }
      return .setIndexState(
        relation: relation, state, readableFrom: HybridTime(rawValue: try readFixed()))
    case 2: return .dropIndex(relation: try readTableID())
    case 3: return .addForeignKey(try readNewForeignKey())
    case 4: return .validateForeignKey(try readString())
    case 5: return .dropForeignKey(try readString())
    case 6: return .addCheck(try readCheckConstraint())
    case 7: return .dropCheck(try readString())
    case 8: return .addColumn(try readColumnDescriptor())
    default: throw .malformed(what: "table alteration")
    }
  }

  private mutating func readPositions() throws(CodingError) -> [Int] {
    try readArray { reader throws(CodingError) in try reader.readNarrow() }
  }

  private mutating func readAction() throws(CodingError) -> ReferentialAction {
    guard let action = ReferentialAction(rawValue: try readByte()) else {
      throw .malformed(what: "referential action")
    }
    return action
  }
}
