import Keys
import TestSupport
import Testing
import Values

/// Cases for each of 4 seeds and 20 types: in release, where they are cheap, 4 million in all.
#if DEBUG
  private let casesPerType = 2_000
#else
  private let casesPerType = 50_000
#endif

@Suite struct KeyEncodingTests {
  private func encode(_ datum: Datum, _ type: SQLType, descending: Bool = false) throws -> [UInt8] {
    var key: [UInt8] = []
    try KeyEncoder.append(datum, type: type, descending: descending, into: &key)
    return key
  }

  private func order(_ a: [UInt8], _ b: [UInt8]) -> Int {
    a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
  }

  @Test("Byte order is value order, ascending and descending", arguments: Seed.sample(4), RandomDatum.keyTypes)
  func byteOrderIsValueOrder(seed: Seed, type: SQLType) throws {
    var random = seed
    for _ in 0..<casesPerType {
      let (a, b) = (RandomDatum.make(type, using: &random), RandomDatum.make(type, using: &random))
      let expected = Datum.compare(a, b, as: type)
      let ascending = order(try encode(a, type), try encode(b, type))
      let descending = order(try encode(a, type, descending: true), try encode(b, type, descending: true))
      guard ascending == expected, descending == -expected else {
        Issue.record("\(a) and \(b) compare \(expected), their keys \(ascending) and \(descending); \(seed)")
        return
      }
    }
  }

  @Test("The number that sorts use first never contradicts the order", arguments: Seed.sample(4), RandomDatum.keyTypes)
  func leadAgreesWithOrder(seed: Seed, type: SQLType) {
    var random = seed
    for _ in 0..<casesPerType {
      let (a, b) = (RandomDatum.make(type, using: &random), RandomDatum.make(type, using: &random))
      let (x, y) = (a.orderLead(as: type), b.orderLead(as: type))
      guard x == y || (x < y) == (Datum.compare(a, b, as: type) < 0) else {
        Issue.record("\(a) and \(b) are ordered otherwise by \(x) and \(y); \(seed)")
        return
      }
    }
  }

  @Test("Many keys are put in byte order, equal ones as they came", arguments: Seed.sample(20))
  func manyKeysInOrder(seed: Seed) {
    var random = seed
    for _ in 0..<200 {
      let shared: [UInt8] = [7, 0, 1, 2]
      let keys = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        shared + (0..<Int.random(in: 0...10, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
      }
      let expected = keys.indices.sorted { a, b in
        order(keys[a], keys[b]) != 0 ? order(keys[a], keys[b]) < 0 : a < b
      }
      #expect(KeyOrder.places(of: keys, sharedCount: shared.count) == expected, "\(seed)")
    }
  }

  @Test(
    "What is read back equals what was written, and ends where it ended", arguments: Seed.sample(4),
    RandomDatum.keyTypes)
  func readingGivesAnEqualValue(seed: Seed, type: SQLType) throws {
    var random = seed
    for _ in 0..<casesPerType {
      let datum = RandomDatum.make(type, using: &random)
      let descending = Bool.random(using: &random)
      let key = try encode(datum, type, descending: descending)
      var reader = KeyReader(key)
      let back = try reader.read(type: type, descending: descending)
      guard Datum.compare(back, datum, as: type) == 0, reader.isAtEnd,
        try encode(back, type, descending: descending) == key
      else {
        Issue.record("\(datum) came back as \(back); \(seed)")
        return
      }
      if isLossless(type.kind), "\(back)" != "\(datum)" {
        Issue.record("\(datum) came back as \(back), equal but not the same; \(seed)")
        return
      }
    }
  }

  /// Types whose key keeps all that the value holds; for text, printing shows its code points.
  private func isLossless(_ kind: TypeKind) -> Bool {
    switch kind {
    case .boolean, .int2, .int4, .int8, .oid, .text, .varchar, .name, .bytea, .uuid, .date, .time, .timestamp,
      .timestampTZ:
      true
    case .float4, .float8, .numeric, .char, .interval, .json, .jsonb, .void, .unknown: false
    }
  }

  @Test("NULL sorts last ascending and first descending", arguments: RandomDatum.keyTypes)
  func nullSortsLast(type: SQLType) throws {
    var random = Seed(7)
    for _ in 0..<1000 {
      let datum = RandomDatum.make(type, using: &random)
      #expect(order(try encode(datum, type), try encode(.null, type)) == -1)
      #expect(order(try encode(datum, type, descending: true), try encode(.null, type, descending: true)) == 1)
    }
    var reader = KeyReader(try encode(.null, type, descending: true))
    #expect(try reader.read(type: type, descending: true).isNull)
  }

  @Test("Keys of several columns order column by column; equal leading columns are a prefix", arguments: Seed.sample(8))
  func columnsOrderOneAfterTheOther(seed: Seed) throws {
    var random = seed
    for _ in 0..<20_000 {
      let columns = (0..<3).map { _ in
        (RandomDatum.keyTypes.randomElement(using: &random) ?? .int4, Bool.random(using: &random))
      }
      var (keys, rows): ([[UInt8]], [Row]) = ([[], []], [[], []])
      for (type, descending) in columns {
        let shared = RandomDatum.make(type, using: &random)
        for side in 0..<2 {
          // Often the same value, sometimes NULL.
          let datum: Datum =
            switch Int.random(in: 0..<6, using: &random) {
            case 0: .null
            case 1, 2: RandomDatum.make(type, using: &random)
            default: shared
            }
          rows[side].append(datum)
          try KeyEncoder.append(datum, type: type, descending: descending, into: &keys[side])
        }
      }
      var expected = 0
      for (index, (type, descending)) in columns.enumerated() where expected == 0 {
        expected = Datum.compare(rows[0][index], rows[1][index], as: type) * (descending ? -1 : 1)
      }
      guard order(keys[0], keys[1]) == expected else {
        Issue.record("\(rows[0]) and \(rows[1]) by \(columns) compare \(expected), not so their keys; \(seed)")
        return
      }
      // No key of all columns is the beginning of another.
      if expected != 0 {
        #expect(!keys[0].starts(with: keys[1]) && !keys[1].starts(with: keys[0]))
      }
    }
  }

  @Test("json has no order, and a value of another type is refused")
  func refusals() {
    #expect {
      try encode(.json("{}"), .json)
    } throws: { error in
      (error as? SQLError)?.state == .undefinedObject
        && (error as? SQLError)?.message == "data type json has no default operator class for access method \"btree\""
    }
    #expect(throws: SQLError.self) { try encode(.int8(1), .int4) }
  }

  @Test("Examples of the page")
  func examples() throws {
    #expect(try encode(.int4(1), .int4) == [0x13, 0x80, 0, 0, 1])
    #expect(try encode(.int4(-1), .int4) == [0x13, 0x7f, 0xff, 0xff, 0xff])
    #expect(try encode(.int4(1), .int4, descending: true) == [0xec, 0x7f, 0xff, 0xff, 0xfe])
    #expect(try encode(.text("ab"), .text) == [0x18, 0x61, 0x62, 0, 0])
    #expect(try encode(.bytes([1, 0]), .bytea) == [0x1b, 1, 0, 0xff, 0, 0])
    #expect(try encode(.float8(1), .float8) == [0x16, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0])
    #expect(
      try encode(.numeric(Numeric(coefficient: -125, scale: 1)), .numeric)
        == [0x17, 2, 0x7f, 0xff, 0xfe, 0xf3, 0xeb, 0x77, 0xff])
    #expect(try encode(.null, .int4) == [0xf0])
    #expect(try encode(.null, .int4, descending: true) == [0x0f])
  }

  @Test("Bytes that no encoder wrote throw, and never trap", arguments: Seed.sample(8))
  func hostileBytes(seed: Seed) throws {
    var random = seed
    for round in 0..<40_000 {
      guard let type = RandomDatum.keyTypes.randomElement(using: &random) else { return }
      let descending = Bool.random(using: &random)
      var bytes: [UInt8]
      if round % 2 == 0 {
        bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        if !bytes.isEmpty {
          bytes[0] = try encode(RandomDatum.make(type, using: &random), type, descending: descending)[0]
        }
      } else {
        bytes = try encode(RandomDatum.make(type, using: &random), type, descending: descending)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let index = Int.random(in: 0..<bytes.count, using: &random)
          bytes[index] = UInt8.random(in: 0...255, using: &random)
        }
        bytes.removeLast(Int.random(in: 0...min(3, bytes.count), using: &random))
      }
      var reader = KeyReader(bytes)
      _ = try? reader.read(type: type, descending: descending)
    }
  }
}

@Suite struct KeyHashTests {
  /// The stored format: these may never change.
  @Test("The hash of a key is the same for ever")
  func goldenHashes() throws {
    var key: [UInt8] = []
    try KeyEncoder.append(.int4(1), type: .int4, descending: false, into: &key)
    // XXH3-64 of no bytes is 2d06800538d394c2 (the algorithm's own test vector).
    #expect(KeyHash.hash16(of: [UInt8]()) == 0x2d06)
    #expect(KeyHash.hash16(of: key) == 0xb355)
    try KeyEncoder.append(.text("ab"), type: .text, descending: false, into: &key)
    #expect(KeyHash.hash16(of: key[5...] + key[..<5]) != KeyHash.hash16(of: key))
    #expect(KeyHash.hash16(of: [0x18, 0x61, 0x62, 0, 0, 0x13, 0x80, 0, 0, 7]) == 0x9774)
    #expect(KeyHash.hash16(of: key) == KeyHash.hash16(of: ArraySlice(key)))
    #expect(KeyHash.hash16(of: AnyCollection(key)) == KeyHash.hash16(of: key))
  }

  @Test("Even bounds start at 0, rise, and differ by one at most", arguments: [1, 2, 3, 7, 16, 1000, 65_536, 100_000])
  func evenBounds(count: Int) {
    let bounds = KeyHash.evenBounds(count: count)
    #expect(bounds.count == min(count, 65_536))
    #expect(bounds.first == 0)
    let widths = zip(bounds.map(Int.init), bounds.dropFirst().map(Int.init) + [65_536]).map { $1 - $0 }
    #expect((widths.min() ?? 0) > 0)
    #expect((widths.max() ?? 0) - (widths.min() ?? 0) <= 1)
  }
}

@Suite struct KeyRangeTests {
  @Test("The successor of a prefix is the least key behind it", arguments: Seed.sample(4))
  func successors(seed: Seed) {
    #expect(KeyRange.successor(ofPrefix: []) == nil)
    #expect(KeyRange.successor(ofPrefix: [0xff, 0xff]) == nil)
    #expect(KeyRange.successor(ofPrefix: [1, 0xff]) == [2])
    var random = seed
    func bytes() -> [UInt8] {
      (0..<Int.random(in: 1...4, using: &random)).map { _ in
        [0, 1, 0xfe, 0xff].randomElement(using: &random) ?? 0
      }
    }
    for _ in 0..<20_000 {
      let (prefix, key) = (bytes(), bytes())
      guard let range = KeyRange(prefix: prefix) else { continue }
      guard range.contains(key) == key.starts(with: prefix) else {
        Issue.record("\(key) in the range of \(prefix); \(seed)")
        return
      }
    }
  }

  @Test("An intersection holds the keys of both")
  func intersection() {
    let a = KeyRange(lower: [1], upper: [5])
    #expect(a.intersection(KeyRange(lower: [3], upper: [9])) == KeyRange(lower: [3], upper: [5]))
    #expect(a.intersection(KeyRange(lower: [7], upper: [9])).isEmpty)
    #expect(!a.isEmpty && KeyRange(lower: [2], upper: [2]).isEmpty)
  }
}
