import Coding
import Raft

// Raft's records as the write-ahead log holds them: whole byte strings of their own.

extension Entry {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 32)
    encode(into: &writer)
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    guard reader.isAtEnd else { throw .malformed(what: "entry length") }
  }
}

extension HardState {
  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    encode(into: &writer)
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    guard reader.isAtEnd else { throw .malformed(what: "hard state length") }
  }
}
