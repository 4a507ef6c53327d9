import Coding
import Schema
import Values

/// The first byte of every request and answer of this module. A node that meets another one was not made for it.
package enum OperationsFormat {
  package static let version: UInt8 = 1
}

extension ByteWriter {
  /// A batch of rows. They need not have the same number of columns.
  package mutating func write(_ rows: [Row]) {
    writeArray(rows) { writer, row in writer.writeArray(row) { $0.write($1) } }
  }
}

extension ByteReader {
  package mutating func readRows() throws(CodingError) -> [Row] {
    try readArray { reader throws(CodingError) in
      try reader.readArray { reader throws(CodingError) in try reader.readDatum() }
    }
  }
}
