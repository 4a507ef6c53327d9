import Values

/// One row of COPY input: its fields as text, nil for NULL, and the line that it came from.
struct CopyRow {
  var fields: [String?]
  /// The line's number, from 1, and its bytes, for error messages.
  var line: Int
  var raw: ArraySlice<UInt8>
}

/// Cuts COPY input into rows: bytes come in pieces of any size, a row may span many of them.
struct CopyReader {
  private let options: CopyOptions
  private let columns: [String]
  private let table: String
  private var bytes: [UInt8] = []
  private var position = 0
  /// How far the row at `position` was looked at, so that a row in many pieces is looked at once.
  private var scanned = 0
  private var (inQuotes, hasQuotes) = (false, false)
  private var isAtEnd = false
  /// `\.` was seen: what follows is ignored.
  private var isOver = false
  private(set) var line = 0

  /// The longest row.
  static let rowBytesMax = 64 << 20

  init(_ options: CopyOptions, columns: [String], table: String) {
    self.options = options
    self.columns = columns
    self.table = table
  }

  mutating func add(_ piece: [UInt8]) {
    if isOver { return }
    if position > 1 << 16 {
      bytes.removeFirst(position)
      scanned -= position
      position = 0
    }
    bytes += piece
  }

  mutating func end() { isAtEnd = true }

  /// The next row, or nil if more input is needed (or there is none).
  mutating func next() throws(SQLError) -> CopyRow? {
    while !isOver {
      guard let (raw, quoted) = try takeLine() else { return nil }
      line += 1
      if raw.elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: ".")]), !quoted {
        isOver = true
        return nil
      }
      if line == 1, options.header != .none {
        if options.header == .match { try checkHeader(raw) }
        continue
      }
      do throws(SQLError) {
        let fields = options.format == .csv ? try csvFields(raw) : try textFields(raw)
        return CopyRow(fields: try checked(fields, raw), line: line, raw: raw)
      } catch { throw error.in(context(raw)) }
    }
    return nil
  }

  /// Where a row stands, as PostgreSQL says it: `COPY t, line 3: "1\tx"`.
  func context(_ raw: ArraySlice<UInt8>, line: Int? = nil) -> String {
    "COPY \(table), line \(line ?? self.line): \"\(Self.shown(raw))\""
  }

  func context(column: String, _ value: String?, line: Int) -> String {
    let shown = value.map { "\"\(Self.shown(Array($0.utf8)[...]))\"" } ?? "null input"
    return "COPY \(table), line \(line), column \(column): \(shown)"
  }

  private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(100), as: UTF8.self)
    return bytes.count > 100 ? text + "..." : text
  }

  // MARK: - Lines

  /// The bytes up to the next end of line that is not quoted.
  private mutating func takeLine() throws(SQLError) -> (ArraySlice<UInt8>, hasQuotes: Bool)? {
    let isCSV = options.format == .csv
    while scanned < bytes.count {
      let byte = bytes[scanned]
      // What a byte means may hang on the next one, which may not be here yet.
      let hasNext = scanned + 1 < bytes.count
      if isCSV {
        if inQuotes, byte == options.escape, options.escape != options.quote {
          if !hasNext, !isAtEnd { break }
          if hasNext, bytes[scanned + 1] == options.quote || bytes[scanned + 1] == options.escape {
            scanned += 2
            continue
          }
        }
        if byte == options.quote {
          inQuotes.toggle()
          hasQuotes = true
        }
      } else if byte == UInt8(ascii: "\\") {
        // A backslash keeps whatever follows, even an end of line, in the row.
        if !hasNext, !isAtEnd { break }
        scanned += hasNext ? 2 : 1
        continue
      }
      if !inQuotes, byte == 10 || byte == 13 {
        if byte == 13, !hasNext, !isAtEnd { break }
        let raw = bytes[position..<scanned]
        position = scanned + 1
        if byte == 13, position < bytes.count, bytes[position] == 10 { position += 1 }
        return startLine(raw)
      }
      scanned += 1
    }
    if bytes.count - position > Self.rowBytesMax {
      throw SQLError(.programLimitExceeded, "a row of COPY is longer than \(Self.rowBytesMax) bytes")
    }
    guard isAtEnd, position < bytes.count else { return nil }
    if inQuotes {
      line += 1
      throw SQLError(.badCopyFileFormat, "unterminated CSV quoted field").in(context(bytes[position...]))
    }
    let raw = bytes[position...]
    position = bytes.count
    return startLine(raw)
  }

  private mutating func startLine(_ raw: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, hasQuotes: Bool) {
    defer { (scanned, inQuotes, hasQuotes) = (position, false, false) }
    return (raw, hasQuotes)
  }

  private func checkHeader(_ raw: ArraySlice<UInt8>) throws(SQLError) {
    let names = options.format == .csv ? try csvFields(raw) : try textFields(raw)
    guard names.count == columns.count else {
      throw SQLError(
        .badCopyFileFormat, "wrong number of fields in header line: got \(names.count), expected \(columns.count)"
      ).in("COPY \(table), line 1: \"\(Self.shown(raw))\"")
    }
    for (index, (name, column)) in zip(names, columns).enumerated() where name != column {
      throw SQLError(
        .badCopyFileFormat,
        "column name mismatch in header line field \(index + 1): got \(name.map { "\"\($0)\"" } ?? "null value"), "
          + "expected \"\(column)\""
      ).in("COPY \(table), line 1: \"\(Self.shown(raw))\"")
    }
  }

  private func checked(_ fields: [String?], _ raw: ArraySlice<UInt8>) throws(SQLError) -> [String?] {
    if fields.count > columns.count {
      throw SQLError(.badCopyFileFormat, "extra data after last expected column")
    }
    if fields.count < columns.count {
      // An empty line is one empty field, which a table without columns would not have.
      throw SQLError(.badCopyFileFormat, "missing data for column \"\(columns[fields.count])\"")
    }
    return fields
  }

  // MARK: - Fields

  private func textFields(_ raw: ArraySlice<UInt8>) throws(SQLError) -> [String?] {
    var fields: [String?] = []
    fields.reserveCapacity(columns.count)
    var start = raw.startIndex
    var hasEscapes = false
    var index = raw.startIndex
    while true {
      if index >= raw.endIndex || raw[index] == options.delimiter {
        let field = raw[start..<min(index, raw.endIndex)]
        if field.elementsEqual(options.null) {
          fields.append(nil)
        } else {
          fields.append(try TextFormat.utf8Text(hasEscapes ? Self.unescaped(field)[...] : field))
        }
        if index >= raw.endIndex { return fields }
        start = index + 1
        hasEscapes = false
      } else if raw[index] == UInt8(ascii: "\\") {
        hasEscapes = true
        index += 1
      }
      index += 1
    }
  }

  private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(field.count)
    var index = field.startIndex
    while index < field.endIndex {
      guard field[index] == UInt8(ascii: "\\"), index + 1 < field.endIndex else {
        text.append(field[index])
        index += 1
        continue
      }
      let escape = field[index + 1]
      index += 2
      switch escape {
      case UInt8(ascii: "b"): text.append(8)
      case UInt8(ascii: "f"): text.append(12)
      case UInt8(ascii: "n"): text.append(10)
      case UInt8(ascii: "r"): text.append(13)
      case UInt8(ascii: "t"): text.append(9)
      case UInt8(ascii: "v"): text.append(11)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        var value = Int(escape - UInt8(ascii: "0"))
        for _ in 0..<2 {
          guard index < field.endIndex, (0x30...0x37).contains(field[index]) else { break }
          value = value * 8 + Int(field[index] - 0x30)
          index += 1
        }
        text.append(UInt8(truncatingIfNeeded: value))
      case UInt8(ascii: "x"):
        var value: Int?
        for _ in 0..<2 {
          guard index < field.endIndex, let digit = hexDigit(field[index]) else { break }
          value = (value ?? 0) * 16 + digit
          index += 1
        }
        text.append(value.map { UInt8(truncatingIfNeeded: $0) } ?? escape)
      default: text.append(escape)
      }
    }
    return text
  }

  private static func hexDigit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte) - 0x30
    case 0x41...0x46: Int(byte) - 0x41 + 10
    case 0x61...0x66: Int(byte) - 0x61 + 10
    default: nil
    }
  }

  private func csvFields(_ raw: ArraySlice<UInt8>) throws(SQLError) -> [String?] {
    var fields: [String?] = []
    var field: [UInt8] = []
    var (inQuotes, wasQuoted) = (false, false)
    var index = raw.startIndex
    while true {
      if index >= raw.endIndex || (!inQuotes && raw[index] == options.delimiter) {
        if inQuotes { throw SQLError(.badCopyFileFormat, "unterminated CSV quoted field") }
        let name = fields.count < columns.count ? columns[fields.count] : ""
        var isNull = !wasQuoted && field == options.null && !options.forceNotNull.contains(name)
        if wasQuoted, field == options.null, options.forceNull.contains(name) { isNull = true }
        fields.append(isNull ? nil : try TextFormat.utf8Text(field[...]))
        if index >= raw.endIndex { return fields }
        field.removeAll(keepingCapacity: true)
        wasQuoted = false
        index += 1
        continue
      }
      let byte = raw[index]
      if inQuotes, byte == options.escape, index + 1 < raw.endIndex,
        raw[index + 1] == options.quote || raw[index + 1] == options.escape
      {
        field.append(raw[index + 1])
        index += 2
        continue
      }
      if byte == options.quote {
        inQuotes.toggle()
        wasQuoted = true
      } else {
        field.append(byte)
      }
      index += 1
    }
  }
}

extension SQLError {
  /// The same error with the place in a long input where it arose.
  func `in`(_ context: String) -> SQLError {
    var error = self
    if error.context == nil { error.context = context }
    return error
  }
}
