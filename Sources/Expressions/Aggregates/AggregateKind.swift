import Values

/// What an aggregate computes, apart from its types.
enum AggregateKind: Hashable, Sendable {
  /// `count(*)`, and `count(x)` of what is not NULL.
  case countRows
  case count
  case sum
  case average
  case minimum
  case maximum
  case and
  case or
  case bitAnd
  case bitOr
  case bitXor
  /// `string_agg`, over text and bytea.
  case concatenate
  /// The variance family: over the population or a sample, and its square root.
  case variance(isSample: Bool, isRoot: Bool)
}

extension FunctionCatalog.Tables {
  private mutating func aggregate(
    _ id: UInt32, _ name: String, _ arguments: [TypeKind], _ result: TypeKind, _ kind: AggregateKind
  ) {
    let definition = BuiltinAggregate(
      id: AggregateID(id), name: name, argumentTypes: arguments, returnType: result, kind: kind)
    precondition(aggregatesByID[definition.id] == nil, "aggregate \(id) (\(name)) is defined twice")
    aggregates.append(definition)
    aggregatesByID[definition.id] = definition
    aggregatesByName[name, default: []].append(definition)
  }

  /// One aggregate over several argument types: the ids in the order of the types.
  private mutating func aggregates(
    _ name: String, _ kind: AggregateKind, _ ids: [UInt32], _ types: [(argument: TypeKind, result: TypeKind)]
  ) {
    for (id, type) in zip(ids, types) { aggregate(id, name, [type.argument], type.result, kind) }
  }

  mutating func defineAggregates() {
    aggregate(2803, "count", [], .int8, .countRows)
    aggregate(2147, "count", [.unknown], .int8, .count)
    aggregates(
      "sum", .sum, [2109, 2108, 2107, 2114, 2110, 2111, 2113],
      [
        (.int2, .int8), (.int4, .int8), (.int8, .numeric), (.numeric, .numeric), (.float4, .float4),
        (.float8, .float8), (.interval, .interval),
      ])
    aggregates(
      "avg", .average, [2102, 2101, 2100, 2103, 2104, 2105, 2106],
      [
        (.int2, .numeric), (.int4, .numeric), (.int8, .numeric), (.numeric, .numeric), (.float4, .float8),
        (.float8, .float8), (.interval, .interval),
      ])
    let ordered: [TypeKind] = [
      .int8, .int4, .int2, .oid, .float4, .float8, .date, .time, .timestamp, .timestampTZ, .interval, .text,
      .numeric, .char,
    ]
    let same = ordered.map { (argument: $0, result: $0) }
    aggregates(
      "max", .maximum,
      [2115, 2116, 2117, 2118, 2119, 2120, 2122, 2123, 2126, 2127, 2128, 2129, 2130, 2244], same)
    aggregates(
      "min", .minimum,
      [2131, 2132, 2133, 2134, 2135, 2136, 2138, 2139, 2142, 2143, 2144, 2145, 2146, 2245], same)
    aggregate(2517, "bool_and", [.boolean], .boolean, .and)
    aggregate(2518, "bool_or", [.boolean], .boolean, .or)
    aggregate(2519, "every", [.boolean], .boolean, .and)
    let integers: [(argument: TypeKind, result: TypeKind)] = [(.int2, .int2), (.int4, .int4), (.int8, .int8)]
    aggregates("bit_and", .bitAnd, [2236, 2238, 2240], integers)
    aggregates("bit_or", .bitOr, [2237, 2239, 2241], integers)
    aggregates("bit_xor", .bitXor, [6164, 6165, 6166], integers)
    aggregate(3538, "string_agg", [.text, .text], .text, .concatenate)
    aggregate(3545, "string_agg", [.bytea, .bytea], .bytea, .concatenate)

    let numbers: [(argument: TypeKind, result: TypeKind)] = [
      (.int8, .numeric), (.int4, .numeric), (.int2, .numeric), (.float4, .float8), (.float8, .float8),
      (.numeric, .numeric),
    ]
    let families: [(String, first: UInt32, isSample: Bool, isRoot: Bool)] = [
      ("variance", 2148, true, false), ("var_samp", 2641, true, false), ("var_pop", 2718, false, false),
      ("stddev", 2154, true, true), ("stddev_samp", 2712, true, true), ("stddev_pop", 2724, false, true),
    ]
    for (name, first, isSample, isRoot) in families {
      aggregates(name, .variance(isSample: isSample, isRoot: isRoot), Array(first..<first + 6), numbers)
    }
  }
}
