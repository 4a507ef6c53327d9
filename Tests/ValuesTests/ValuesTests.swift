import Coding
import Testing
import Values

/// What must hold for every type.
@Suite("All types")
struct ValuesTests {
  @Test("Text, binary and stored forms give the value back", arguments: [1, 2, 3] as [UInt64])
  func roundTrips(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let berlin = try #require(TimeZoneRule(named: "Europe/Berlin"))
    var settings: [FormatSettings] = [.standard, FormatSettings(timeZone: berlin)]
    for style in [FormatSettings.IntervalStyle.postgresVerbose, .sqlStandard, .iso8601] {
      settings.append(FormatSettings(intervalStyle: style, byteaOutput: .escape))
    }
    for _ in 0..<500 {
      for type in storedTypes {
        let datum = Datum.random(type.kind, using: &generator)
        let format = settings[Int.random(in: 0..<settings.count, using: &generator)]
        // A local time that comes twice in autumn cannot be told apart without its offset, which the text has.
        let text = TextFormat.text(datum, as: type, settings: format)
        let read = try TextFormat.parse(text, as: type, settings: format, now: 0)
        try #require(
          Datum.compare(read, datum) == 0, "seed \(seed): \(type.kind) \(text) in \(format.intervalStyleName)")

        var binary: [UInt8] = []
        BinaryFormat.write(datum, as: type, into: &binary)
        let received = try BinaryFormat.parse(binary[...], as: type)
        try #require(TextFormat.text(received, as: type) == TextFormat.text(datum, as: type), "seed \(seed)")

        var writer = ByteWriter()
        writer.write(datum)
        var reader = ByteReader(writer.bytes)
        let stored = try reader.readDatum()
        try #require(reader.isAtEnd)
        try #require(TextFormat.text(stored, as: type) == TextFormat.text(datum, as: type), "seed \(seed)")
      }
    }
  }

  @Test("The order is total, and agrees with equality and hash", arguments: [1, 2] as [UInt64])
  func totalOrder(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for type in storedTypes {
      for _ in 0..<1000 {
        let a = Datum.random(type.kind, using: &generator)
        let b = Datum.random(type.kind, using: &generator)
        let c = Datum.random(type.kind, using: &generator)
        let (ab, bc, ac) = (Datum.compare(a, b), Datum.compare(b, c), Datum.compare(a, c))
        try #require(Datum.compare(a, a) == 0)
        try #require(ab == -Datum.compare(b, a), "seed \(seed): \(a) \(b)")
        if ab <= 0, bc <= 0 { try #require(ac <= 0, "seed \(seed): \(a) \(b) \(c)") }
        if ab == 0 {
          try #require(ac == bc, "seed \(seed)")
          try #require(GroupKey([a, .null]) == GroupKey([b, .null]))
          try #require(GroupKey([a]).hashValue == GroupKey([b]).hashValue, "seed \(seed): \(a) \(b)")
        }
      }
    }
  }

  @Test("Random bytes and texts are refused or read, never a trap", arguments: [1, 2, 3] as [UInt64])
  func fuzz(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("0123456789+-.:/ eETZPYMDHSWaginfty{}[]\",\\ux@é\u{1F600}jankbcdomuqr".unicodeScalars)
    // Swift Testing takes a backtrace of every error thrown, so a round is slow.
    for _ in 0..<100 {
      for kind in TypeKind.allCases where kind != .void {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<24, using: &generator) {
          text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &generator)])
        }
        _ = throughText(String(text), SQLType(kind))
        let bytes = (0..<Int.random(in: 0..<20, using: &generator)).map { _ in generator.nextByte() & 0x8f }
        if let datum = try? BinaryFormat.parse(bytes[...], as: SQLType(kind)) {
          _ = TextFormat.text(datum, as: SQLType(kind))
          for style in [FormatSettings.IntervalStyle.postgresVerbose, .sqlStandard, .iso8601] {
            _ = TextFormat.text(datum, as: SQLType(kind), settings: FormatSettings(intervalStyle: style))
          }
        }
        var reader = ByteReader(bytes)
        if let datum = try? reader.readDatum() { _ = TextFormat.text(datum, as: SQLType(kind)) }
        reader = ByteReader(bytes)
        _ = try? reader.readSQLType()
        reader = ByteReader(bytes)
        _ = try? reader.readSQLError()
      }
    }
  }

  @Test("Texts that Swift holds equal are different values here")
  func textOrder() {
    let (composed, combined) = (Datum.text("é"), Datum.text("e\u{301}"))
    #expect(Datum.compare(composed, combined) == 1)
    #expect(GroupKey([composed]) != GroupKey([combined]))
    #expect(Datum.compare(.text("a "), .text("a"), as: SQLType(.char, .length(2))) == 0)
    #expect(Datum.compare(.text("a "), .text("a")) == 1)
    #expect(Datum.equal(.float8(0), .float8(-0.0)) && Datum.equal(.float8(.nan), .float8(.nan)))
    #expect(GroupKey([.float8(0)]).hashValue == GroupKey([.float8(-0.0)]).hashValue)
    #expect(Datum.compare(.int4(1), .null) == -1)
  }

  @Test("Errors and types keep every field through storage")
  func storedErrors() throws {
    var error = SQLError(.uniqueViolation, "duplicate key", detail: "Key (a)=(1)", hint: "h", position: 7)
    (error.schema, error.table, error.column) = ("public", "t", "a")
    (error.dataType, error.constraint, error.context) = ("integer", "t_pkey", "COPY t, line 3")
    var writer = ByteWriter()
    writer.write(error)
    let types: [SQLType] = [
      SQLType(.varchar, .length(3)), SQLType(.numeric, .precisionScale(5, -2)), SQLType(.time, .fraction(0)), .text,
    ]
    for type in types { writer.write(type) }
    var reader = ByteReader(writer.bytes)
    #expect(try reader.readSQLError() == error)
    for type in types { #expect(try reader.readSQLType() == type) }
    #expect(reader.isAtEnd)
  }
}
