import Keys
import Schema
import TestSupport
import Testing
import Values

@Suite struct DocumentKeyTests {
  private static let types: [SQLType] = [.int4, .text, .numeric, .float8, .boolean]

  private func datum(_ type: SQLType, using random: inout Seed) -> Datum {
    if Int.random(in: 0..<8, using: &random) == 0 { return .null }
    let small = Int.random(in: -2...2, using: &random)
    return switch type.kind {
    case .int4: .int4(Int32(small))
    case .text: .text(["", "a", "ab", "b", "\u{1}"].randomElement(using: &random) ?? "")
    case .numeric: .numeric(Numeric(coefficient: Int64(small * 5), scale: .random(in: 0...2, using: &random)))
    case .float8: .float8([Double(small), -0.0, .nan].randomElement(using: &random) ?? 0)
    default: .bool(small > 0)
    }
  }

  private func randomTable(using random: inout Seed) -> TableDescriptor {
    let count = Int.random(in: 1...3, using: &random)
    let types = (0..<count).map { _ in Self.types.randomElement(using: &random) ?? .int4 }
    let hashed = Int.random(in: 0...count, using: &random)
    return Make.table(
      types, hashed: Bool.random(using: &random) ? 0 : hashed,
      descending: types.map { _ in Bool.random(using: &random) })
  }

  private func matches(_ value: Datum, _ bound: KeyBound?, isLower: Bool, _ type: SQLType) -> Bool {
    guard let bound else { return true }
    if value.isNull || bound.value.isNull { return false }
    let order = Datum.compare(value, bound.value, as: type) * (isLower ? 1 : -1)
    return order > 0 || order == 0 && bound.isInclusive
  }

  @Test("A range holds just the keys of the rows that its bounds describe", arguments: Seed.sample(16))
  func rangesAreExact(seed: Seed) throws {
    var random = seed
    for _ in 0..<4_000 {
      let table = randomTable(using: &random)
      let types = table.types
      let prefixCounts = (0..<types.count).filter { $0 >= table.primaryKey.hashColumnCount }
      guard let prefixCount = prefixCounts.randomElement(using: &random) else { continue }
      let prefix = types[..<prefixCount].map { datum($0, using: &random) }
      let bounds: [KeyBound?] = (0..<2).map { _ in
        Bool.random(using: &random)
          ? nil : KeyBound(datum(types[prefixCount], using: &random), isInclusive: .random(using: &random))
      }
      let range = try table.keyRange(prefix: prefix, lower: bounds[0], upper: bounds[1])
      #expect(!KeyRange.isLess(range.upper, range.lower), "\(bounds); \(seed)")
      for _ in 0..<10 {
        let row = types.indices.map { index in
          index < prefixCount && Bool.random(using: &random) ? prefix[index] : datum(types[index], using: &random)
        }
        let key = try table.documentKey(keyValues: row)
        let sharesPrefix = (0..<prefixCount).allSatisfy {
          Datum.compare(row[$0], prefix[$0], as: types[$0]) == 0
        }
        let expected =
          sharesPrefix && matches(row[prefixCount], bounds[0], isLower: true, types[prefixCount])
          && matches(row[prefixCount], bounds[1], isLower: false, types[prefixCount])
        guard range.contains(key) == expected, table.wholeRange.contains(key) else {
          Issue.record("\(row) in \(prefix), \(bounds) of \(types): expected \(expected); \(seed)")
          return
        }
        let keyPrefix = try table.keyPrefix(prefix)
        guard !prefix.isEmpty || table.primaryKey.hashColumnCount == 0 else { continue }
        #expect(key.starts(with: keyPrefix) == sharesPrefix, "\(row), \(prefix); \(seed)")
      }
    }
  }

  @Test("Key columns are read back from a document key", arguments: Seed.sample(4))
  func keyValues(seed: Seed) throws {
    var random = seed
    for _ in 0..<5_000 {
      let table = randomTable(using: &random)
      let values = table.types.map { datum($0, using: &random) }
      let back = try table.keyValues(of: try table.documentKey(keyValues: values))
      for (index, type) in table.types.enumerated() {
        #expect(Datum.compare(back[index], values[index], as: type) == 0, "\(values); \(seed)")
      }
    }
  }

  @Test("A document key: table id, hash of the hash columns, columns")
  func example() throws {
    let ranged = Make.table([.int4, .text])
    let columns: [UInt8] = [0x13, 0x80, 0, 0, 7, 0x18, 0x61, 0, 0]
    #expect(try ranged.documentKey(for: [.int4(7), .text("a")]) == [0, 0, 0x40, 0] + columns)
    let hashed = Make.table([.int4, .text], hashed: 1)
    let hash = KeyHash.hash16(of: columns[..<5])
    #expect(
      try hashed.documentKey(for: [.int4(7), .text("a")])
        == [0, 0, 0x40, 0, UInt8(hash >> 8), UInt8(hash & 0xff)] + columns)
  }

  @Test("Of a hash-sharded table no prefix is known without all hash columns")
  func hashPrefix() throws {
    let table = Make.table([.int4, .int4, .int4], hashed: 2)
    #expect(throws: SQLError.self) { try table.keyPrefix([.int4(1)]) }
    #expect(throws: SQLError.self) {
      try table.keyRange(prefix: [.int4(1)], lower: KeyBound(.int4(1), isInclusive: true), upper: nil)
    }
    #expect(try table.keyPrefix([]) == table.wholeRange.lower)
    #expect(throws: SQLError.self) { try table.documentKey(keyValues: [.int4(1)]) }
    #expect(throws: SQLError.self) { try table.documentKey(for: [.int4(1)]) }
  }

  @Test("Tablets tile the table: every key is in just one", arguments: [1, 2, 3, 16, 1_000])
  func hashBounds(count: Int) throws {
    let table = Make.table([.int4], hashed: 1)
    let bounds = TabletBounds.hash(table: table.id, tabletCount: count)
    #expect(bounds.count == count)
    #expect(bounds.first?.lower == table.wholeRange.lower && bounds.last?.upper == table.wholeRange.upper)
    for (a, b) in zip(bounds, bounds.dropFirst()) { #expect(a.upper == b.lower && !a.isEmpty) }
    var random = Seed(3)
    var counts = [Int](repeating: 0, count: count)
    for _ in 0..<10_000 {
      let key = try table.documentKey(for: [.int4(.random(in: .min ... .max, using: &random))])
      let holders = bounds.indices.filter { bounds[$0].contains(key) }
      guard holders.count == 1 else {
        Issue.record("\(key) is in tablets \(holders)")
        return
      }
      counts[holders[0]] += 1
    }
    // The hash spreads rows evenly enough.
    if count <= 16 { #expect((counts.max() ?? 0) < 2 * 10_000 / count) }
  }

  @Test("A range-sharded table splits at given values")
  func rangeBounds() throws {
    let table = Make.table([.int4, .text], descending: [true, false])
    let splits = try [200, 100].map { value in
      var split: [UInt8] = []
      try table.primaryKey.append([.int4(Int32(value))], columns: table.columns, to: &split)
      return split
    }
    let bounds = try TabletBounds.range(table: table.id, splits: splits)
    func tablet(of value: Int32) throws -> Int? {
      let key = try table.documentKey(for: [.int4(value), .text("x")])
      return bounds.firstIndex { $0.contains(key) }
    }
    #expect(try [300, 201, 200, 101, 100, -5].map { try tablet(of: $0) } == [0, 0, 1, 1, 2, 2])
    #expect(throws: SQLError.self) { try TabletBounds.range(table: table.id, splits: splits.reversed()) }
    #expect(throws: SQLError.self) { try TabletBounds.range(table: table.id, splits: [splits[0], splits[0]]) }
    #expect(throws: SQLError.self) { try TabletBounds.range(table: table.id, splits: [[]]) }
  }
}
