import Testing
import Values

/// Text in and out: each expectation is what PostgreSQL 15 answers.
@Suite("Text formats")
struct TextFormatTests {
  private func type(_ name: String) throws -> SQLType {
    let parts = name.split(whereSeparator: { "(,)".contains($0) })
    return try TypeCatalog.named(String(parts[0]), modifiers: parts.dropFirst().compactMap { Int($0) })
  }

  @Test(
    "Numbers, identifiers and bytes",
    arguments: [
      ("int4", "2147483648", "ERR 22003 value \"2147483648\" is out of range for type integer"), ("int4", " 5 ", "5"),
      ("int4", "x", "ERR 22P02 invalid input syntax for type integer: \"x\""), ("int4", "-2147483648", "-2147483648"),
      ("int4", "1.0", "ERR 22P02 invalid input syntax for type integer: \"1.0\""),
      ("int2", "32768", "ERR 22003 value \"32768\" is out of range for type smallint"),
      ("int8", "9223372036854775808", "ERR 22003 value \"9223372036854775808\" is out of range for type bigint"),
      ("oid", "-1", "4294967295"),
      ("oid", "4294967296", "ERR 22003 value \"4294967296\" is out of range for type oid"),
      ("float8", "1e400", "ERR 22003 \"1e400\" is out of range for type double precision"),
      ("float8", "1e15", "1e+15"), ("float8", "1e14", "100000000000000"), ("float8", "1e-5", "1e-05"),
      ("float8", "0.0001", "0.0001"), ("float8", "-0", "-0"), ("float8", "5.", "5"),
      ("float8", "869901392880903891.9702", "8.699013928809039e+17"),
      ("float8", "1e-400", "ERR 22003 \"1e-400\" is out of range for type double precision"),
      ("float4", "1e6", "1e+06"), ("float4", "123456", "123456"), ("float4", "16777216", "1.6777216e+07"),
      ("float4", "1e39", "ERR 22003 \"1e39\" is out of range for type real"), ("numeric", "1e5", "100000"),
      ("numeric", "1.50", "1.50"), ("numeric", ".5", "0.5"),
      ("numeric", "1e", "ERR 22P02 invalid input syntax for type numeric: \"1e\""),
      ("numeric", "1e131072", "ERR 22003 value overflows numeric format"), ("numeric", "nan", "NaN"),
      ("uuid", "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
      ("uuid", "a0ee", "ERR 22P02 invalid input syntax for type uuid: \"a0ee\""),
      ("bytea", "\\xDEADbeef", "\\xdeadbeef"),
      ("bytea", "\\x1", "ERR 22023 invalid hexadecimal data: odd number of digits"),
      ("bytea", "\\xzz", "ERR 22023 invalid hexadecimal digit: \"z\""), ("bytea", "a\\000b", "\\x610062"),
      ("bytea", "\\400", "ERR 22P02 invalid input syntax for type bytea"),
    ])
  func scalars(name: String, input: String, expected: String) throws {
    #expect(throughText(input, try type(name)) == expected)
  }

  @Test(
    "Modifiers",
    arguments: [
      ("numeric(4,2)", "99.994", "99.99"), ("numeric(4,2)", "99.995", "ERR 22003 numeric field overflow"),
      ("numeric(4,2)", "NaN", "NaN"), ("numeric(4,2)", "Infinity", "ERR 22003 numeric field overflow"),
      ("numeric(3,5)", "0.00999", "0.00999"), ("numeric(3,5)", "0.01", "ERR 22003 numeric field overflow"),
      ("numeric(3,-2)", "12345", "12300"), ("numeric(3,-2)", "99999", "ERR 22003 numeric field overflow"),
      ("time(2)", "23:59:59.555555", "23:59:59.56"), ("timestamp(0)", "1999-12-31 23:59:59.5", "1999-12-31 23:59:59"),
      ("timestamp(0)", "1969-12-31 23:59:59.5", "1969-12-31 23:59:59"),
      ("interval(1)", "-00:00:00.55", "-00:00:00.6"),
    ])
  func modifiers(name: String, input: String, expected: String) throws {
    #expect(throughText(input, try type(name)) == expected)
  }

  @Test(
    "Dates and times of day",
    arguments: [
      ("date", "1999-01-08", "1999-01-08"), ("date", "January 8, 1999", "1999-01-08"),
      ("date", "1/18/1999", "1999-01-18"), ("date", "01/02/03", "2003-01-02"), ("date", "Jan-08-1999", "1999-01-08"),
      ("date", "08-Jan-99", "1999-01-08"), ("date", "19990108", "1999-01-08"), ("date", "990108", "1999-01-08"),
      ("date", "1999.008", "1999-01-08"), ("date", "J2451187", "1999-01-08"),
      ("date", "January 8, 99 BC", "0099-01-08 BC"),
      ("date", "2000-02-30", "ERR 22008 date/time field value out of range: \"2000-02-30\""),
      ("date", "2000-13-01", "ERR 22008 date/time field value out of range: \"2000-13-01\""),
      ("date", "infinity", "infinity"), ("date", "epoch", "1970-01-01"), ("date", "5874897-12-31", "5874897-12-31"),
      ("date", "5874898-01-01", "ERR 22008 date out of range: \"5874898-01-01\""),
      ("date", "4714-11-24 BC", "4714-11-24 BC"),
      ("date", "4714-11-23 BC", "ERR 22008 date out of range: \"4714-11-23 BC\""),
      ("date", "0000-01-01", "ERR 22008 date/time field value out of range: \"0000-01-01\""),
      ("date", "abc", "ERR 22007 invalid input syntax for type date: \"abc\""),
      ("date", "", "ERR 22007 invalid input syntax for type date: \"\""),
      ("date", "1999-01-08 04:05:06", "1999-01-08"), ("time", "04:05:06.789", "04:05:06.789"),
      ("time", "040506", "04:05:06"), ("time", "04:05 PM", "16:05:00"), ("time", "12:00 AM", "00:00:00"),
      ("time", "24:00:00", "24:00:00"),
      ("time", "24:00:01", "ERR 22008 date/time field value out of range: \"24:00:01\""),
      ("time", "23:59:60", "24:00:00"), ("time", "25:00", "ERR 22008 date/time field value out of range: \"25:00\""),
      ("time", "allballs", "00:00:00"), ("time", "x", "ERR 22007 invalid input syntax for type time: \"x\""),
      ("time", "00:00:00.0000015", "00:00:00.000002"),
    ])
  func dates(name: String, input: String, expected: String) throws {
    #expect(throughText(input, try type(name)) == expected)
  }

  @Test(
    "Timestamps",
    arguments: [
      ("timestamp", "1999-01-08 04:05:06", "1999-01-08 04:05:06"),
      ("timestamp", "20200101T101112", "2020-01-01 10:11:12"), ("timestamp", "infinity", "infinity"),
      ("timestamp", "294276-12-31 23:59:59.999999", "294276-12-31 23:59:59.999999"),
      ("timestamp", "294277-01-01", "ERR 22008 timestamp out of range: \"294277-01-01\""),
      ("timestamp", "4714-11-24 00:00:00 BC", "4714-11-24 00:00:00 BC"),
      ("timestamp", "4714-11-23 BC", "ERR 22008 timestamp out of range: \"4714-11-23 BC\""),
      ("timestamp", "17 Dec 1997 07:37:16", "1997-12-17 07:37:16"),
      ("timestamp", "12/17/1997 07:37:16.00 PST", "1997-12-17 07:37:16"),
      ("timestamp", "2020-01-01 24:00:00", "2020-01-02 00:00:00"),
      ("timestamp", "nope", "ERR 22007 invalid input syntax for type timestamp: \"nope\""),
      ("timestamp", "2020-01-01 10:61", "ERR 22008 date/time field value out of range: \"2020-01-01 10:61\""),
      ("timestamptz", "1999-01-08 04:05:06 -8:00", "1999-01-08 12:05:06+00"),
      ("timestamptz", "1999-01-08T04:05:06Z", "1999-01-08 04:05:06+00"),
      ("timestamptz", "2020-01-01 10:00:00+0530", "2020-01-01 04:30:00+00"),
      ("timestamptz", "2020-07-01 10:00:00 america/new_york", "2020-07-01 14:00:00+00"),
      ("timestamptz", "2020-07-01 10:00:00 Europe/Nowhere", "ERR 22023 time zone \"europe/nowhere\" not recognized"),
      ("timestamptz", "2020-07-01 10:00:00 UTC+3", "2020-07-01 13:00:00+00"),
      ("timestamptz", "Wed Dec 17 07:37:16 1997 PST", "1997-12-17 15:37:16+00"),
      (
        "timestamptz", "2020-01-01 10:00:00+16",
        "ERR 22009 time zone displacement out of range: \"2020-01-01 10:00:00+16\""
      ),
      ("timestamptz", "-infinity", "-infinity"),
    ])
  func timestamps(name: String, input: String, expected: String) throws {
    #expect(throughText(input, try type(name)) == expected)
  }

  @Test(
    "Intervals",
    arguments: [
      ("1-2", "1 year 2 mons"), ("3 4:05:06", "3 days 04:05:06"),
      ("@ 1 year 2 mons -3 days ago", "-1 years -2 mons +3 days"), ("1.5 months", "1 mon 15 days"),
      ("0.1 months", "3 days"), ("P1Y2M3DT4H5M6S", "1 year 2 mons 3 days 04:05:06"),
      ("P0001-02-03T04:05:06", "1 year 2 mons 3 days 04:05:06"), ("PT-1.5S", "-00:00:01.5"), ("5", "00:00:05"),
      ("1:2.5", "00:01:02.5"), ("-1-2 3 4:5:6", "-1 years -2 mons +3 days 04:05:06"),
      ("1 foo", "ERR 22007 invalid input syntax for type interval: \"1 foo\""),
      ("", "ERR 22007 invalid input syntax for type interval: \"\""),
      ("1 month 1 month", "ERR 22007 invalid input syntax for type interval: \"1 month 1 month\""),
      ("178956971 years", "ERR 22008 interval out of range"),
      ("2147483648 days", "ERR 22015 interval field value out of range: \"2147483648 days\""),
      ("9223372036854775808 us", "ERR 22015 interval field value out of range: \"9223372036854775808 us\""),
      ("1y 2mon", "1 year 2 mons"), ("14 mons 35 days 30:00:00", "1 year 2 mons 35 days 30:00:00"),
      ("1 day -1:2:3", "1 day -01:02:03"),
    ])
  func intervals(input: String, expected: String) {
    #expect(throughText(input, .interval) == expected)
  }

  @Test(
    "jsonb",
    arguments: [
      ("{\"b\":1,\"aa\":2, \"a\":3,\"b\":4}", "{\"a\": 3, \"b\": 4, \"aa\": 2}"),
      ("[1,2.50,1e5,1E-3,-0,0.1e1]", "[1, 2.50, 100000, 0.001, 0, 1]"),
      ("\"\\u00e9\\n\\u0001\\/\"", "\"é\\n\\u0001/\""), ("\"\\ud83d\\ude00\"", "\"😀\""),
      ("\"\\u0000\"", "ERR 22P05 unsupported Unicode escape sequence"),
      ("\"\\ud83d\"", "ERR 22P02 invalid input syntax for type json"),
      ("[1,]", "ERR 22P02 invalid input syntax for type json"),
      ("{\"a\"}", "ERR 22P02 invalid input syntax for type json"),
      ("01", "ERR 22P02 invalid input syntax for type json"), ("tru", "ERR 22P02 invalid input syntax for type json"),
      ("", "ERR 22P02 invalid input syntax for type json"), ("[1 2]", "ERR 22P02 invalid input syntax for type json"),
      ("1 2", "ERR 22P02 invalid input syntax for type json"),
      ("\"abc", "ERR 22P02 invalid input syntax for type json"), ("{}", "{}"), (" [ ] ", "[]"),
      ("1e-16384", "ERR 22003 value overflows numeric format"),
    ])
  func jsonb(input: String, expected: String) {
    #expect(throughText(input, .jsonb) == expected)
  }

  @Test("Assignments refuse what casts cut off")
  func lengths() throws {
    let varchar = SQLType(.varchar, .length(3))
    #expect(throughText("abcd", varchar) == "ERR 22001 value too long for type character varying(3)")
    #expect(throughText("abc  ", varchar) == "abc")
    #expect(throughText("é日本", varchar) == "é日本")
    #expect(throughText("é", SQLType(.char, .length(3))) == "é  ")
    let cut = try Datum.text("abcd").applyingModifier(of: varchar, explicitCast: true)
    #expect(Datum.compare(cut, .text("abc")) == 0)
    let error = #expect(throws: SQLError.self) {
      try Datum.numeric(Numeric(1000)).applyingModifier(
        of: SQLType(.numeric, .precisionScale(5, 2)), explicitCast: true)
    }
    #expect(error?.message == "numeric field overflow")
    #expect(error?.detail == "A field with precision 5, scale 2 must round to an absolute value less than 10^3.")
  }

  @Test("Date styles")
  func dateStyles() throws {
    let instant = Datum.timestampTZ(-64_311_764_500_000)  // 1997-12-17 15:37:15.5 UTC
    let zone = try #require(TimeZoneRule(named: "America/Los_Angeles"))
    var settings = FormatSettings(timeZone: zone)
    var written: [String] = []
    for style in ["ISO", "SQL, MDY", "SQL, DMY", "Postgres, MDY", "Postgres, DMY", "German"] {
      let isTaken = settings.setDateStyle(style)
      #expect(isTaken)
      written.append(TextFormat.text(instant, as: .timestampTZ, settings: settings))
    }
    let expected = [
      "1997-12-17 07:37:15.5-08", "12/17/1997 07:37:15.5 PST", "17/12/1997 07:37:15.5 PST",
      "Wed Dec 17 07:37:15.5 1997 PST", "Wed 17 Dec 07:37:15.5 1997 PST", "17.12.1997 07:37:15.5 PST",
    ]
    #expect(written == expected)
    #expect(settings.dateStyleName == "German, DMY")
    let isTaken = settings.setDateStyle("Martian")
    #expect(!isTaken)
  }

  @Test("Words for the moment take it from the caller")
  func moment() throws {
    let now: Int64 = 631_152_000_000_000 + 3_600_000_000 * 23  // 2020-01-01 23:00 UTC
    let settings = FormatSettings(timeZone: try #require(TimeZoneRule(named: "Asia/Tokyo")))
    for (word, expected) in [
      ("now", "2020-01-02 08:00:00+09"), ("today", "2020-01-02 00:00:00+09"), ("tomorrow", "2020-01-03 00:00:00+09"),
      ("yesterday 04:05", "2020-01-01 04:05:00+09"), ("epoch", "1970-01-01 09:00:00+09"),
    ] {
      let datum = try TextFormat.parse(word, as: .timestampTZ, settings: settings, now: now)
      #expect(TextFormat.text(datum, as: .timestampTZ, settings: settings) == expected)
    }
  }
}
