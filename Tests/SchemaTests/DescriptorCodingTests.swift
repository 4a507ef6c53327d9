import Coding
import Keys
import Schema
import TestSupport
import Testing
import Values

@Suite struct DescriptorCodingTests {
  private var catalog: CatalogSnapshot {
    var second = Make.tablet
    second.id = TabletID(6)
    return CatalogSnapshot(
      version: 12, tables: [Make.everything.id: Make.everything, TableID(2): Make.table([.int4], id: 2)],
      tablets: [Make.tablet.id: Make.tablet, second.id: second], nodes: [Make.node.id: Make.node])
  }

  @Test("Descriptors come back as they were")
  func roundTrip() throws {
    var writer = ByteWriter()
    writer.write(Make.everything)
    writer.write(Make.tablet)
    writer.write(Make.node)
    var reader = ByteReader(writer.bytes)
    #expect("\(try reader.readTableDescriptor())" == "\(Make.everything)")
    #expect(try reader.readTabletDescriptor() == Make.tablet)
    #expect(try reader.readNodeDescriptor() == Make.node)
    #expect(reader.isAtEnd)
  }

  @Test("Equal catalogs are equal bytes, and come back whole")
  func catalogRoundTrip() throws {
    var (first, second) = (ByteWriter(), ByteWriter())
    first.write(catalog)
    second.write(catalog)
    #expect(first.bytes == second.bytes)
    var reader = ByteReader(first.bytes)
    let back = try reader.readCatalogSnapshot()
    var third = ByteWriter()
    third.write(back)
    #expect(third.bytes == first.bytes)
    #expect(back.version == 12)
    #expect(back.table(schema: "public", name: "t") != nil)
    #expect(back.tablets(of: Make.everything).map(\.id) == [TabletID(5), TabletID(6)])
  }

  @Test("Another format version is refused")
  func otherVersion() {
    var writer = ByteWriter()
    writer.write(Make.everything)
    writer.bytes[0] = 1
    #expect(throws: CodingError.malformed(what: "format version of table")) {
      var reader = ByteReader(writer.bytes)
      _ = try reader.readTableDescriptor()
    }
  }

  @Test("A key that names a column which is not there is refused, and so are ids that are not unique")
  func inconsistentKey() {
    for change in [
      { (table: inout TableDescriptor) in table.primaryKey.columns[0].column = 5 },
      { $0.primaryKey.hashColumnCount = 3 }, { $0.primaryKey.columns = [] },
      { $0.columns[1].id = 1 }, { $0.columns[1].id = 0 },
    ] {
      var table = Make.everything
      change(&table)
      var writer = ByteWriter()
      writer.write(table)
      #expect(throws: CodingError.self) {
        var reader = ByteReader(writer.bytes)
        _ = try reader.readTableDescriptor()
      }
    }
  }

  @Test("Bytes that no writer wrote throw, and never trap", arguments: Seed.sample(8))
  func hostileBytes(seed: Seed) {
    var random = seed
    var writer = ByteWriter()
    writer.write(catalog)
    for _ in 0..<5_000 {
      var bytes = writer.bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
      var reader = ByteReader(bytes)
      guard let catalog = try? reader.readCatalogSnapshot() else { continue }
      // What was read holds together well enough to be used.
      for table in catalog.tables.values {
        _ = try? table.documentKey(for: Row(repeating: .null, count: table.columns.count))
        _ = catalog.tablets(of: table)
      }
    }
  }
}

@Suite struct TableDescriptorTests {
  @Test("Columns are found by the bytes of their name, and by id")
  func columns() {
    var table = Make.everything
    table.columns[2].name = "é"
    #expect(table.position(ofColumnNamed: "é") == 2)
    #expect(table.position(ofColumnNamed: "e\u{301}") == nil)
    #expect(table.column(id: 3)?.name == "é" && table.position(ofColumn: 9) == nil)
    #expect(table.visibleColumns.count == 4)
    #expect(table.isHashSharded)
    #expect(table.keyPositions == [1, 0])
    #expect(table.sequence(ofColumn: 1)?.name == "t_c1_seq")
  }
}
