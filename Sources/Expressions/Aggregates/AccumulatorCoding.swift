import Coding
import Values

extension Accumulator {
  private var tag: UInt8 {
    switch self {
    case .count: 1
    case .integers: 2
    case .numerics: 3
    case .single: 4
    case .double: 5
    case .intervals: 6
    case .extreme: 7
    case .truth: 8
    case .bits: 9
    case .text: 10
    case .moments: 11
    case .floatMoments: 12
    }
  }

  func isSameForm(as other: Accumulator) -> Bool { tag == other.tag }

  fileprivate static func tag(of accumulator: Accumulator) -> UInt8 { accumulator.tag }
}

extension ByteWriter {
  mutating func write(_ accumulator: Accumulator) {
    write(Accumulator.tag(of: accumulator))
    switch accumulator {
    case .count(let count): writeSigned(count)
    case .integers(let sum, let count):
      writeFixed(Int64(truncatingIfNeeded: sum))
      writeFixed(Int64(truncatingIfNeeded: sum >> 64))
      writeSigned(count)
    case .numerics(let sum, let count):
      write(sum)
      writeSigned(count)
    case .single(let sum): writeOptional(sum) { $0.write($1) }
    case .double(let sum): writeOptional(sum) { $0.write($1) }
    case .intervals(let sum, let count):
      write(Datum.interval(sum))
      writeSigned(count)
    case .extreme(let best): write(best)
    case .truth(let value): writeOptional(value) { $0.write($1) }
    case .bits(let bits): writeOptional(bits) { $0.writeSigned($1) }
    case .text(let bytes, let firstDelimiter):
      writeOptional(bytes) { $0.write($1) }
      writeCount(firstDelimiter)
    case .moments(let count, let sum, let squares):
      writeSigned(count)
      write(sum)
      write(squares)
    case .floatMoments(let count, let sum, let squares):
      write(count)
      write(sum)
      write(squares)
    }
  }
}

extension ByteReader {
  mutating func readAccumulator() throws(CodingError) -> Accumulator {
    switch try readByte() {
    case 1: return .count(try readSigned())
    case 2:
      let low = try readFixed(UInt64.self)
      let high = try readFixed(Int64.self)
      return .integers(sum: Int128(high) << 64 | Int128(low), count: try readSigned())
    case 3: return .numerics(sum: try readNumeric(), count: try readSigned())
    case 4: return .single(try readOptional { (reader) throws(CodingError) in try reader.readFloat() })
    case 5: return .double(try readOptional { (reader) throws(CodingError) in try reader.readDouble() })
    case 6:
      guard case .interval(let sum) = try readDatum() else { throw .malformed(what: "interval sum") }
      return .intervals(sum: sum, count: try readSigned())
    case 7: return .extreme(try readDatum())
    case 8: return .truth(try readOptional { (reader) throws(CodingError) in try reader.readBool() })
    case 9: return .bits(try readOptional { (reader) throws(CodingError) in try reader.readSigned() })
    case 10:
      let bytes = try readOptional { (reader) throws(CodingError) in try reader.readBytes() }
      guard let delimiter = Int(exactly: try readVarint()), delimiter <= bytes?.count ?? 0 else {
        throw .malformed(what: "delimiter")
      }
      return .text(bytes, firstDelimiter: delimiter)
    case 11: return .moments(count: try readSigned(), sum: try readNumeric(), squares: try readNumeric())
    case 12:
      return .floatMoments(count: try readDouble(), sum: try readDouble(), squares: try readDouble())
    default: throw .malformed(what: "accumulator")
    }
  }
}
