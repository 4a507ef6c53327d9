import Coding
import Keys
import Operations
import Schema
import Values

extension MemoryDataPlane {
  /// Where an index does not have just the entries that its table's rows ask for, in words; the definition of what an
  /// index is. One that is being built may lack some.
  func indexFaults() -> [String] {
    let (catalog, rows) = state.withLock { ($0.catalog, $0.rows) }
    func shown(_ entry: Row) -> String {
      var writer = ByteWriter()
      for value in entry { writer.write(value) }
      return writer.bytes.map { String($0, radix: 16) }.joined(separator: " ")
    }
    var faults: [String] = []
    for table in catalog.tables.values.sorted(by: { $0.id < $1.id }) {
      for index in table.indexes where index.state.isReadable {
        guard let relation = catalog.tables[index.relation] else {
          faults.append("\(index.name) has no relation")
          continue
        }
        let maker = IndexEntries(of: index, on: table)
        let stored = table.tablets.flatMap { rows[$0].map { Array($0.values) } ?? [] }
        let expected = stored.compactMap { (try? maker.entry(for: $0)) ?? nil }.map(shown).sorted()
        let entries = relation.tablets.flatMap { rows[$0].map { Array($0.values) } ?? [] }.map(shown).sorted()
        if expected != entries {
          faults.append("\(index.name) has \(entries.count) entries for \(expected.count) rows, or other ones")
        }
      }
    }
    for relation in catalog.tables.values {
      guard let base = relation.indexedTable else { continue }
      if catalog.tables[base]?.index(relation: relation.id) == nil { faults.append("\(relation.name) has no table") }
    }
    return faults
  }
}
