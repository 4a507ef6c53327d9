import Coding
import Expressions
import Keys
import Values

extension ByteWriter {
  package mutating func write(_ index: IndexDescriptor) {
    writeVarint(UInt64(index.relation.rawValue))
    write(index.name)
    write(index.isUnique)
    write(index.nullsAreEqual)
    write(index.isConstraint)
    writeArray(index.keys) { writer, key in
      writer.write(key.expression)
      writer.write(key.sql)
      writer.write(key.isDescending)
    }
    writeArray(index.includes) { $0.writeCount($1) }
    writeOptional(index.predicate) { writer, predicate in
      writer.write(predicate.expression)
      writer.write(predicate.sql)
    }
    write(index.state.rawValue)
    writeFixed(index.readableFrom.rawValue)
  }

  package mutating func write(_ key: ForeignKey) {
    write(key.name)
    writeArray(key.columns) { $0.writeCount($1) }
    writeVarint(UInt64(key.referencedTable.rawValue))
    writeArray(key.referencedColumns) { $0.writeCount($1) }
    writeOptional(key.referencedIndex) { $0.writeVarint(UInt64($1.rawValue)) }
    write(key.onDelete.rawValue)
    write(key.onUpdate.rawValue)
    write(key.isMatchFull)
    write(key.isValidated)
  }
}

extension ByteReader {
  package mutating func readIndexDescriptor() throws(CodingError) -> IndexDescriptor {
    IndexDescriptor(
      relation: try readTableID(), name: try readString(), isUnique: try readBool(), nullsAreEqual: try readBool(),
      isConstraint: try readBool(),
      keys: try readArray(minimumSize: 3) { reader throws(CodingError) in
        IndexKey(
          expression: try reader.readExpression(), sql: try reader.readString(), isDescending: try reader.readBool())
      },
      includes: try readArray { reader throws(CodingError) in try reader.readNarrow() },
      predicate: try readOptional { reader throws(CodingError) in
        IndexPredicate(expression: try reader.readExpression(), sql: try reader.readString())
      },
      state: try readCase("index state"), readableFrom: HybridTime(rawValue: try readFixed()))
  }

  /// - Throws: `malformed` unless as many columns refer as are referred to.
  package mutating func readForeignKey() throws(CodingError) -> ForeignKey {
    let key = ForeignKey(
      name: try readString(), columns: try readPositions(), referencedTable: try readTableID(),
      referencedColumns: try readPositions(),
      referencedIndex: try readOptional { reader throws(CodingError) in try reader.readTableID() },
      onDelete: try readCase("referential action"), onUpdate: try readCase("referential action"),
      isMatchFull: try readBool(), isValidated: try readBool())
    guard !key.columns.isEmpty, key.columns.count == key.referencedColumns.count else {
      throw .malformed(what: "foreign key")
    }
    return key
  }

  private mutating func readPositions() throws(CodingError) -> [Int] {
    try readArray { reader throws(CodingError) in try reader.readNarrow() }
  }

  private mutating func readCase<Value: RawRepresentable<UInt8>>(_ what: String) throws(CodingError) -> Value {
    guard let value = Value(rawValue: try readByte()) else { throw .malformed(what: what) }
    return value
  }
}

extension IndexDescriptor {
  /// Whether it has keys, and they and the rest read only so many columns.
  package func isConsistent(withColumnCount count: Int) -> Bool {
    func fits(_ expression: Expression) -> Bool { expression.columnsUsed.allSatisfy { (0..<count).contains($0) } }
    return !keys.isEmpty && keys.allSatisfy { fits($0.expression) } && includes.allSatisfy { (0..<count).contains($0) }
      && (predicate.map { fits($0.expression) } ?? true)
  }
}
