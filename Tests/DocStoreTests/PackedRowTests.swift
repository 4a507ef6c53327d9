import Coding
import DocStore
import Keys
import Schema
import TestSupport
import Testing
import Values

@Suite struct PackedRowTests {
  private func pack(_ row: Row, _ table: TableDescriptor) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try RowCodec(table: table).encode(row, into: &bytes)
    return bytes
  }

  private func unpack(_ bytes: [UInt8], _ table: TableDescriptor) throws -> Row {
    try RowCodec(table: table).decode(bytes.span)
  }

  private func table(_ columns: [ColumnDescriptor], version: UInt32 = 1) -> TableDescriptor {
    var table = Make.table(version: version)
    table.columns = columns
    table.checks = []
    return table
  }

  @Test("The example of the page")
  func example() throws {
    let row: Row = [.int4(7), .null, .int4(-2)]
    #expect(try pack(row, Make.table()) == [0x01, 0x01, 0x03, 0b010, 1, 1, 2, 0x07, 0xfe])
    #expect(
      try pack([.int4(0), .text("hi"), .int4(300)], Make.table()) == [
        0x01, 0x01, 0x03, 0, 0, 2, 4, 0x68, 0x69, 0x2c, 0x01,
      ])
    // Without column 2 the ids are listed, as steps.
    let dropped = table([Make.column(1, "a", .int4), Make.column(3, "c", .int4)], version: 9)
    #expect(try pack([.int4(7), .int4(-2)], dropped) == [0x11, 0x09, 0x02, 1, 2, 0, 1, 2, 0x07, 0xfe])
  }

  @Test("Unpacking gives what was packed, for rows of all types", arguments: Seed.sample(8))
  func roundTrip(seed: Seed) throws {
    var random = seed
    for _ in 0..<20_000 {
      let columns = RandomRow.columns(using: &random)
      let table = table(columns)
      let row = columns.map { RandomRow.datum($0.type, using: &random) }
      let back = try unpack(try pack(row, table), table)
      guard "\(back)" == "\(row)" else {
        Issue.record("\(row) came back as \(back); \(seed)")
        return
      }
    }
  }

  @Test("Only the columns that are asked for are set")
  func someColumns() throws {
    let codec = RowCodec(table: Make.table())
    let bytes = try pack(Make.row(1, "x", 2), Make.table())
    var row: Row = [.int4(-9), .int4(-9), .int4(-9)]
    try codec.decode(bytes.span, columns: [2], into: &row)
    #expect(show([row]) == ["-9 -9 2"])
  }

  @Test("Rows of older and newer schemas are read by column id", arguments: Seed.sample(8))
  func schemaEvolution(seed: Seed) throws {
    var random = seed
    for _ in 0..<5_000 {
      var columns = RandomRow.columns(using: &random)
      let old = table(columns)
      let row = columns.map { RandomRow.datum($0.type, using: &random) }
      // Drops some columns, adds others under new ids, and keeps the rest, in any order.
      var nextID = UInt16(columns.count + 1)
      columns.removeAll { _ in Int.random(in: 0..<3, using: &random) == 0 }
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        columns.append(Make.column(nextID, "n\(nextID)", RandomRow.type(using: &random)))
        nextID += 1
      }
      columns.shuffle(using: &random)
      let new = table(columns, version: 2)

      let expected = columns.map { column in
        old.position(ofColumn: column.id).map { row[$0] } ?? .null
      }
      let read = try unpack(try pack(row, old), new)
      guard "\(read)" == "\(expected)" else {
        Issue.record("\(row) reads as \(read), not \(expected); \(seed)")
        return
      }
      // And back: a reader of the old schema meets a row of the new one.
      let newRow = columns.map { RandomRow.datum($0.type, using: &random) }
      let back = try unpack(try pack(newRow, new), old)
      let expectedBack = old.columns.map { column in
        new.position(ofColumn: column.id).map { newRow[$0] } ?? .null
      }
      guard "\(back)" == "\(expectedBack)" else {
        Issue.record("\(newRow) reads as \(back), not \(expectedBack); \(seed)")
        return
      }
    }
  }

  @Test("Values of 256 and of 65,536 bytes take wider ends", arguments: [0, 1, 254, 255, 256, 65_534, 65_536, 1 << 20])
  func wideRows(size: Int) throws {
    let row = Make.row(1, String(repeating: "x", count: size), 2)
    let table = Make.table()
    #expect(show([try unpack(try pack(row, table), table)]) == show([row]))
  }

  @Test("Bytes that no packer wrote throw, and never trap", arguments: Seed.sample(8))
  func hostileBytes(seed: Seed) throws {
    var random = seed
    for round in 0..<20_000 {
      let columns = RandomRow.columns(using: &random)
      let table = table(columns)
      var bytes = try pack(columns.map { RandomRow.datum($0.type, using: &random) }, table)
      if round % 4 == 0 {
        bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
      }
      _ = try? unpack(bytes, table)
    }
  }

  @Test("A value that is not held as its type says is refused")
  func wrongShape() {
    #expect(throws: SQLError.self) { try pack([.int8(1), .null, .null], Make.table()) }
    #expect(throws: SQLError.self) { try pack([.int4(1)], Make.table()) }
  }
}

/// Rows of any shape.
enum RandomRow {
  static let kinds: [TypeKind] = TypeKind.allCases.filter { $0 != .void && $0 != .unknown }

  static func type(using random: inout Seed) -> SQLType { SQLType(kinds.randomElement(using: &random) ?? .int4) }

  static func columns(using random: inout Seed) -> [ColumnDescriptor] {
    (1...UInt16.random(in: 1...12, using: &random)).map { Make.column($0, "c\($0)", type(using: &random)) }
  }

  static func datum(_ type: SQLType, using random: inout Seed) -> Datum {
    if Int.random(in: 0..<5, using: &random) == 0 { return .null }
    return switch type.kind {
    case .boolean: .bool(.random(using: &random))
    case .int2: .int2(integer(using: &random))
    case .int4: .int4(integer(using: &random))
    case .int8: .int8(integer(using: &random))
    case .oid: .oid(integer(using: &random))
    case .float4: .float4([0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude].randomElement(using: &random) ?? 0)
    case .float8: .float8([0, -0.0, 1.5, -.infinity, .nan].randomElement(using: &random) ?? 0)
    case .numeric: .numeric(numeric(using: &random))
    case .text, .varchar, .char, .name: .text(text(using: &random))
    case .bytea: .bytes(Array(text(using: &random).utf8))
    case .uuid: .uuid(UUIDValue(high: random.next(), low: random.next()))
    case .date: .date(integer(using: &random))
    case .time: .time(.random(in: 0...86_400_000_000, using: &random))
    case .timestamp: .timestamp(integer(using: &random))
    case .timestampTZ: .timestampTZ(integer(using: &random))
    case .interval:
      .interval(
        Interval(months: integer(using: &random), days: integer(using: &random), microseconds: integer(using: &random)))
    case .json: .json("{ \"a\" : 1 }")
    case .jsonb: .jsonb("{\"a\": 1}")
    case .void, .unknown: .null
    }
  }

  private static func integer<T: FixedWidthInteger>(using random: inout Seed) -> T {
    switch Int.random(in: 0..<5, using: &random) {
    case 0: T.min
    case 1: T.max
    case 2: T(truncatingIfNeeded: Int.random(in: -130...130, using: &random))
    default: T(truncatingIfNeeded: random.next() >> UInt64.random(in: 0...63, using: &random))
    }
  }

  private static func numeric(using random: inout Seed) -> Numeric {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: [.nan, .infinity, .negativeInfinity].randomElement(using: &random) ?? .nan
    case 1:
      Numeric(isNegative: true, weight: 7, digits: [1, 0, 9999, 10], scale: 5) ?? .zero
    default: Numeric(coefficient: integer(using: &random), scale: .random(in: 0...18, using: &random))
    }
  }

  private static func text(using random: inout Seed) -> String {
    String(
      repeating: ["a", "é", "e\u{301}", " ", "\u{10000}"].randomElement(using: &random) ?? "",
      count: .random(in: 0...90, using: &random))
  }
}
