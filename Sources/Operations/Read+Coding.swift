import Coding
import Expressions
import Keys
import Schema

extension ByteWriter {
  package mutating func write(_ read: TableRead) {
    write(OperationsFormat.version)
    writeVarint(UInt64(read.table.rawValue))
    writeVarint(UInt64(read.schemaVersion))
    write(read.selection)
    write(read.pipeline)
    write(read.isOrdered)
  }

  package mutating func write(_ range: KeyRange) {
    write(range.lower)
    write(range.upper)
  }

  package mutating func write(_ selection: KeySelection) {
    switch selection {
    case .points(let keys):
      write(UInt8(1))
      writeArray(keys) { $0.write($1) }
    case .ranges(let ranges):
      write(UInt8(2))
      writeArray(ranges) { $0.write($1) }
    }
  }
}

extension ByteReader {
  package mutating func readTableRead() throws(CodingError) -> TableRead {
    try readFormat(OperationsFormat.version, of: "read")
    return TableRead(
      table: try readTableID(), schemaVersion: try readNarrow(), selection: try readKeySelection(),
      pipeline: try readRowPipeline(), isOrdered: try readBool())
  }

  package mutating func readKeyRange() throws(CodingError) -> KeyRange {
    KeyRange(lower: try readBytes(), upper: try readBytes())
  }

  /// - Throws: `malformed` where keys are not sorted and different, or ranges not sorted and disjoint: what executes them
  ///   relies on it.
  package mutating func readKeySelection() throws(CodingError) -> KeySelection {
    switch try readByte() {
    case 1:
      let keys = try readArray { reader throws(CodingError) in try reader.readBytes() }
      guard zip(keys, keys.dropFirst()).allSatisfy({ KeyRange.isLess($0, $1) }) else {
        throw .malformed(what: "order of keys")
      }
      return .points(keys)
    case 2:
      let ranges = try readArray(minimumSize: 2) { reader throws(CodingError) in try reader.readKeyRange() }
      guard ranges.allSatisfy({ !KeyRange.isLess($0.upper, $0.lower) }),
        zip(ranges, ranges.dropFirst()).allSatisfy({ !KeyRange.isLess($1.lower, $0.upper) })
      else {
        throw .malformed(what: "order of key ranges")
      }
      return .ranges(ranges)
    default: throw .malformed(what: "key selection")
    }
  }
}
