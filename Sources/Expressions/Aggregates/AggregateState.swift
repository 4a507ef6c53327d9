import Coding
import Values

/// One aggregate of one group while rows come in: at a tablet over its rows, at the gateway over the tablets' states.
///
/// A DISTINCT aggregate keeps the set of what it has seen, since partial results of it could not be merged.
package struct AggregateState: Sendable {
  private let kind: AggregateKind
  private let argumentType: SQLType
  private let resultType: SQLType
  private var accumulator: Accumulator
  /// The arguments seen, by their grouping key; nil unless DISTINCT.
  private var distinct: Set<GroupKey>?

  /// The start: no rows seen.
  /// - Throws: XX000 for an aggregate that this node does not have, or one called with a wrong number of arguments.
  package init(_ call: AggregateCall) throws(SQLError) {
    guard let definition = FunctionCatalog.aggregate(call.function) else {
      throw SQLError(.internalError, "this node has no built-in aggregate \(call.function.rawValue)")
    }
    guard definition.argumentTypes.count == call.arguments.count else {
      throw SQLError(.internalError, "aggregate \(definition.name) called with \(call.arguments.count) arguments")
    }
    kind = definition.kind
    argumentType = call.arguments.first?.type ?? .unknown
    resultType = SQLType(definition.returnType)
    accumulator = Accumulator(kind, definition.argumentTypes.first)
    // Doubles change neither the least nor the greatest.
    let isIndifferent = kind == .minimum || kind == .maximum || kind == .countRows
    distinct = call.isDistinct && !isIndifferent ? [] : nil
  }

  /// Takes one row's arguments. NULLs are left out, except by `count(*)`.
  package mutating func accumulate(_ value: Datum, _ second: Datum = .null) throws(SQLError) {
    if kind != .countRows && value.isNull { return }
    if distinct != nil {
      distinct?.insert(GroupKey([value.groupable(as: argumentType.kind), second]))
    } else {
      try accumulator.add(value, second, kind, argumentType)
    }
  }

  /// Takes what another state of the same call has seen.
  package mutating func merge(_ other: AggregateState) throws(SQLError) {
    if let theirs = other.distinct { distinct?.formUnion(theirs) }
    try accumulator.merge(other.accumulator, kind, argumentType)
  }

  /// The aggregate's result over all that was taken.
  package func finish() throws(SQLError) -> Datum {
    guard let distinct else { return try accumulator.finish(kind, result: resultType) }
    var accumulator = accumulator
    // In their order, so that the same set always gives the same text or sum.
    let sorted = distinct.map(\.values).sorted { a, b in
      let order = Datum.compare(a[0], b[0])
      return order != 0 ? order < 0 : Datum.compare(a[1], b[1]) < 0
    }
    for values in sorted { try accumulator.add(values[0], values[1], kind, argumentType) }
    return try accumulator.finish(kind, result: resultType)
  }

  /// Bytes that it holds in memory, roughly.
  package var sizeEstimate: Int {
    var size = MemoryLayout<AggregateState>.size
    switch accumulator {
    case .text(let bytes, _): size += bytes?.count ?? 0
    case .extreme(let datum): size += datum.heapSizeEstimate
    default: break
    }
    // The set's elements are of a kind: the first speaks for all.
    if let distinct, let first = distinct.first {
      size += distinct.count * (128 + first.values.reduce(0) { $0 + $1.heapSizeEstimate })
    }
    return size
  }
}

// MARK: - As a value in a row

extension AggregateState {
  private static let formatVersion: UInt8 = 1

  /// The state as it travels in a row from a tablet to the gateway.
  package var encoded: Datum {
    var writer = ByteWriter(reservingCapacity: 24)
    writer.write(AggregateState.formatVersion)
    writer.write(accumulator)
    writer.writeOptional(distinct) { writer, distinct in
      writer.writeCount(distinct.count)
      for key in distinct {
        writer.write(key.values[0])
        writer.write(key.values[1])
      }
    }
    return .bytes(writer.bytes)
  }

  /// Reads a state of the same call.
  /// - Throws: XX001 for bytes that no state of this call has.
  package init(_ call: AggregateCall, encoded: Datum) throws(SQLError) {
    try self.init(call)
    let failure = SQLError(.dataCorrupted, "malformed partial aggregate")
    guard case .bytes(let bytes) = encoded else { throw failure }
    do {
      var reader = ByteReader(bytes)
      guard try reader.readByte() == AggregateState.formatVersion else { throw failure }
      let read = try reader.readAccumulator()
      let keys = try reader.readOptional { (reader) throws(CodingError) -> [GroupKey] in
        try reader.readArray(minimumSize: 2) { (reader) throws(CodingError) in
          GroupKey([try reader.readDatum(), try reader.readDatum()])
        }
      }
      guard reader.isAtEnd, (keys == nil) == (distinct == nil), read.isSameForm(as: accumulator) else { throw failure }
      accumulator = read
      distinct = keys.map(Set.init)
    } catch {
      throw failure
    }
  }
}

extension Datum {
  /// Bytes outside the value itself, roughly.
  package var heapSizeEstimate: Int {
    switch self {
    case .text(let text), .json(let text), .jsonb(let text): text.utf8.count > 15 ? text.utf8.count + 32 : 0
    case .bytes(let bytes): bytes.count + 32
    case .numeric(let value): value.baseDigits.count > 5 ? value.baseDigits.count * 2 + 48 : 0
    default: 0
    }
  }
}
