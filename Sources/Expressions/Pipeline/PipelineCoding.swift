import Coding
import Values

extension RowPipeline {
  /// First byte of a pipeline's binary form. A reader refuses any other.
  static let formatVersion: UInt8 = 1
}

extension ByteWriter {
  /// The version; the filter if there is one; then a byte for the kind of output, and its parts.
  package mutating func write(_ pipeline: RowPipeline) {
    write(RowPipeline.formatVersion)
    writeOptional(pipeline.filter) { $0.write($1) }
    switch pipeline.output {
    case .rows(let projection, let limit):
      write(UInt8(1))
      write(projection)
      writeOptional(limit) { $0.writeCount(max(0, $1)) }
    case .top(let projection, let keys, let limit):
      write(UInt8(2))
      write(projection)
      writeArray(keys) { $0.write($1) }
      writeCount(max(0, limit))
    case .groups(let groups, let aggregates):
      write(UInt8(3))
      write(groups)
      writeArray(aggregates) { $0.write($1) }
    }
  }

  package mutating func write(_ key: SortKey) {
    writeCount(key.column)
    write(key.descending)
    write(key.nullsFirst)
  }

  package mutating func write(_ call: AggregateCall) {
    writeVarint(UInt64(call.function.rawValue))
    write(call.arguments)
    write(call.isDistinct)
    writeOptional(call.filter) { $0.write($1) }
    write(call.type)
  }
}

extension ByteReader {
  /// - Throws: `malformed` for another version, and for what `write` never produces.
  package mutating func readRowPipeline() throws(CodingError) -> RowPipeline {
    guard try readByte() == RowPipeline.formatVersion else { throw .malformed(what: "pipeline version") }
    let filter = try readOptional { (reader) throws(CodingError) in try reader.readExpression() }
    switch try readByte() {
    case 1:
      let projection = try readExpressions()
      let limit = try readOptional { (reader) throws(CodingError) in try reader.readLimit() }
      return RowPipeline(filter: filter, output: .rows(projection: projection, limit: limit))
    case 2:
      let projection = try readExpressions()
      let keys = try readArray(minimumSize: 3) { (reader) throws(CodingError) in try reader.readSortKey() }
      guard keys.allSatisfy({ $0.column < projection.count }) else { throw .malformed(what: "sort key") }
      return RowPipeline(filter: filter, output: .top(projection: projection, keys: keys, limit: try readLimit()))
    case 3:
      let groups = try readExpressions()
      let aggregates = try readArray(minimumSize: 6) { (reader) throws(CodingError) in
        try reader.readAggregateCall()
      }
      return RowPipeline(filter: filter, output: .groups(by: groups, aggregates: aggregates))
    default: throw .malformed(what: "pipeline output")
    }
  }

  package mutating func readSortKey() throws(CodingError) -> SortKey {
    SortKey(column: try readPosition(), descending: try readBool(), nullsFirst: try readBool())
  }

  package mutating func readAggregateCall() throws(CodingError) -> AggregateCall {
    guard let id = UInt32(exactly: try readVarint()) else { throw .malformed(what: "aggregate id") }
    return AggregateCall(
      function: AggregateID(id), arguments: try readExpressions(), isDistinct: try readBool(),
      filter: try readOptional { (reader) throws(CodingError) in try reader.readExpression() },
      type: try readType())
  }

  private mutating func readLimit() throws(CodingError) -> Int {
    guard let limit = Int(exactly: try readVarint()) else { throw .malformed(what: "limit") }
    return limit
  }
}
