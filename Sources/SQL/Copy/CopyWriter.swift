import Values

/// Writes rows in COPY's text or CSV format.
struct CopyWriter {
  let options: CopyOptions
  let columns: [ResultColumn]
  let settings: FormatSettings
  private let forcesQuote: [Bool]

  init(_ options: CopyOptions, columns: [ResultColumn], settings: FormatSettings) {
    self.options = options
    self.columns = columns
    self.settings = settings
    forcesQuote = columns.map { options.forceQuote.contains($0.name) }
  }

  func writeHeader(into bytes: inout [UInt8]) {
    for (index, column) in columns.enumerated() {
      if index > 0 { bytes.append(options.delimiter) }
      writeField(Array(column.name.utf8), forced: false, into: &bytes)
    }
    bytes.append(10)
  }

  func write(_ row: Row, into bytes: inout [UInt8]) {
    var field: [UInt8] = []
    for index in columns.indices {
      if index > 0 { bytes.append(options.delimiter) }
      guard index < row.count, !row[index].isNull else {
        bytes += options.null
        continue
      }
      field.removeAll(keepingCapacity: true)
      TextFormat.write(row[index], as: columns[index].type, settings: settings, into: &field)
      writeField(field, forced: forcesQuote[index], into: &bytes)
    }
    bytes.append(10)
  }

  private func writeField(_ field: [UInt8], forced: Bool, into bytes: inout [UInt8]) {
    switch options.format {
    case .text: writeText(field, into: &bytes)
    case .csv: writeCSV(field, forced: forced, into: &bytes)
    }
  }

  private func writeText(_ field: [UInt8], into bytes: inout [UInt8]) {
    for byte in field {
      let escape: UInt8? =
        switch byte {
        case 8: UInt8(ascii: "b")
        case 9: UInt8(ascii: "t")
        case 10: UInt8(ascii: "n")
        case 11: UInt8(ascii: "v")
        case 12: UInt8(ascii: "f")
        case 13: UInt8(ascii: "r")
        case UInt8(ascii: "\\"), options.delimiter: byte
        default: nil
        }
      if let escape { bytes.append(UInt8(ascii: "\\")); bytes.append(escape) } else { bytes.append(byte) }
    }
  }

  private func writeCSV(_ field: [UInt8], forced: Bool, into bytes: inout [UInt8]) {
    // A lone `\.` would end the input when it is read back.
    let looksLikeEnd = columns.count == 1 && field.elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: ".")])
    let needsQuotes =
      forced || field == options.null || looksLikeEnd
      || field.contains { $0 == options.delimiter || $0 == options.quote || $0 == 10 || $0 == 13 }
    guard needsQuotes else {
      bytes += field
      return
    }
    bytes.append(options.quote)
    for byte in field {
      if byte == options.quote || byte == options.escape { bytes.append(options.escape) }
      bytes.append(byte)
    }
    bytes.append(options.quote)
  }
}
