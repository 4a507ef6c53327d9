import Values

extension TableDescriptor {
  /// Position of the column with this name, compared as bytes, hidden ones included.
  package func position(ofColumnNamed name: String) -> Int? {
    columns.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
  }

  package func column(named name: String) -> ColumnDescriptor? {
    position(ofColumnNamed: name).map { columns[$0] }
  }

  /// Position of the column with this id.
  package func position(ofColumn id: UInt16) -> Int? { columns.firstIndex { $0.id == id } }

  package func column(id: UInt16) -> ColumnDescriptor? { columns.first { $0.id == id } }

  /// What `*` stands for.
  package var visibleColumns: [ColumnDescriptor] { columns.filter { !$0.isHidden } }

  package var types: [SQLType] { columns.map(\.type) }

  package func sequence(ofColumn id: UInt16) -> SequenceDescriptor? { sequences.first { $0.column == id } }

  package var isHashSharded: Bool { primaryKey.hashColumnCount > 0 }

  /// Positions of the key columns, in key order.
  package var keyPositions: [Int] { primaryKey.columns.map(\.column) }
}
