import NIOCore
import SQL
import Values

/// Writes DataRow messages from values. The common types go straight into the buffer; the others through one scratch
/// array that is used again.
struct DataRowWriter {
  private var scratch: [UInt8] = []

  /// Appends one row.
  /// - Throws: 54000 for a row that no message can hold; then nothing of it is in the buffer.
  mutating func write(
    _ row: Row, columns: [ResultColumn], settings: FormatSettings, into out: inout ByteBuffer
  ) throws(SQLError) {
    guard row.count == columns.count, let count = UInt16(exactly: row.count) else {
      throw SQLError(.internalError, "a row has \(row.count) values for \(columns.count) columns")
    }
    let start = out.writerIndex
    out.writeMultipleIntegers(UInt8(ascii: "D"), 0 as UInt32, count)
    for index in 0..<row.count {
      write(row[index], column: columns[index], settings: settings, into: &out)
    }
    guard let length = Int32(exactly: out.writerIndex - start - 1) else {
      out.moveWriterIndex(to: start)
      throw SQLError(.programLimitExceeded, "a row is too large to be sent")
    }
    out.setInteger(length, at: start + 1)
  }

  /// Appends one value with its length in front.
  @inline(__always)
  private mutating func write(
    _ datum: Datum, column: ResultColumn, settings: FormatSettings, into out: inout ByteBuffer
  ) {
    switch (datum, column.format) {
    case (.null, _): out.writeInteger(-1 as Int32)
    case (.int4(let value), .text): out.writeDecimalValue(Int64(value))
    case (.int8(let value), .text): out.writeDecimalValue(value)
    case (.int2(let value), .text): out.writeDecimalValue(Int64(value))
    case (.oid(let value), .text): out.writeDecimalValue(Int64(value))
    case (.int4(let value), .binary): out.writeMultipleIntegers(4 as Int32, value)
    case (.int8(let value), .binary): out.writeMultipleIntegers(8 as Int32, value)
    case (.int2(let value), .binary): out.writeMultipleIntegers(2 as Int32, value)
    case (.oid(let value), .binary): out.writeMultipleIntegers(4 as Int32, value)
    case (.text(let value), _), (.json(let value), _), (.jsonb(let value), .text):
      let start = out.writerIndex
      out.writeInteger(0 as Int32)
      let length = out.writeString(value)
      out.setInteger(Int32(truncatingIfNeeded: length), at: start)
    case (.bool(let value), .text):
      out.writeMultipleIntegers(1 as Int32, value ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    case (.bool(let value), .binary): out.writeMultipleIntegers(1 as Int32, value ? 1 as UInt8 : 0)
    case (_, .text):
      scratch.removeAll(keepingCapacity: true)
      TextFormat.write(datum, as: column.type, settings: settings, into: &scratch)
      writeScratch(into: &out)
    case (_, .binary):
      scratch.removeAll(keepingCapacity: true)
      BinaryFormat.write(datum, as: column.type, into: &scratch)
      writeScratch(into: &out)
    }
  }

  private func writeScratch(into out: inout ByteBuffer) {
    out.writeInteger(Int32(truncatingIfNeeded: scratch.count))
    out.writeBytes(scratch)
  }
}

extension ByteBuffer {
  /// Writes a length and the number in decimal digits.

  @inline(__always)
  mutating func writeDecimalValue(_ value: Int64) {
    let magnitude = value.magnitude
    let isNegative = value < 0
    let digits = magnitude.decimalDigitCount
    writeInteger(Int32(digits + (isNegative ? 1 : 0)))
    if isNegative { writeInteger(UInt8(ascii: "-")) }
    let start = writerIndex
    // Room for the digits, whatever is in it.
    writeRepeatingByte(UInt8(ascii: "0"), count: digits)
    var (rest, index) = (magnitude, start + digits)
    while rest > 0 {
      index -= 1
      setInteger(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), at: index)
      rest /= 10
    }
  }
}

extension UInt64 {
  /// 1 for 0.
  fileprivate var decimalDigitCount: Int {
    var (count, limit) = (1, 10 as UInt64)
    while self >= limit {
      count += 1
      let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
      if overflow { break }
      limit = next
    }
    return count
  }
}
