import Values

/// Compiles a call, in the unboxed lanes where its operands are integers or its result a truth value.
func compileCall(_ function: BuiltinFunction, _ arguments: [Expression]) -> Lane {
  guard function.accepts(argumentCount: arguments.count) else {
    return .value { (_, _) throws(SQLError) -> Datum in
      throw SQLError(.internalError, "function \(function.name) does not take \(arguments.count) arguments")
    }
  }
  let lanes = arguments.map(compile)
  switch function.implementation {
  case .integer(let operation, let width):
    guard let a = lanes[0].integer(arguments[0].type.kind), let b = lanes[1].integer(arguments[1].type.kind) else {
      return .value(boxed(function, lanes, arguments))
    }
    return .integer(integerBody(operation, width, a, b), .integer(width))
  case .comparison(let operation, let comparator):
    return .truth(comparisonBody(operation, comparator, lanes, arguments))
  case .matching(let matching):
    if case .constant(.text(let pattern), _) = arguments[1], let matcher = try? matching.matcher(pattern) {
      let (body, isNegated) = (lanes[0].value, matching.isNegated)
      return .truth { (row, context) throws(SQLError) -> Truth in
        switch try body(row, context) {
        case .text(let text): return Truth(try matcher.matches(text) != isNegated)
        case .null: return .unknown
        default: throw Datum.mismatch("text")
        }
      }
    }
    let body = boxed(function, lanes, arguments)
    return .truth { (row, context) throws(SQLError) -> Truth in try Truth(try body(row, context)) }
  case .unary, .binary, .general, .typed:
    let body = boxed(function, lanes, arguments)
    guard function.returnType == .boolean else { return .value(body) }
    return .truth { (row, context) throws(SQLError) -> Truth in try Truth(try body(row, context)) }
  }
}

private func boxed(_ function: BuiltinFunction, _ lanes: [Lane], _ arguments: [Expression]) -> ValueBody {
  let isStrict = function.isStrict
  switch function.implementation {
  case .unary(let body):
    let a = lanes[0].value
    return { (row, context) throws(SQLError) -> Datum in
      let x = try a(row, context)
      if isStrict && x.isNull { return .null }
      return try body(x)
    }
  case .binary(let body):
    let (a, b) = (lanes[0].value, lanes[1].value)
    return { (row, context) throws(SQLError) -> Datum in
      let x = try a(row, context)
      let y = try b(row, context)
      if isStrict && (x.isNull || y.isNull) { return .null }
      return try body(x, y)
    }
  case .general, .typed, .comparison, .integer, .matching:
    let bodies = lanes.map(\.value)
    let types = arguments.map(\.type)
    return { (row, context) throws(SQLError) -> Datum in
      var values: [Datum] = []
      values.reserveCapacity(bodies.count)
      for body in bodies { values.append(try body(row, context)) }
      return try function.call(values, types: types, context)
    }
  }
}

/// One closure for each of the common operations, so that no row pays for the choice.
private func integerBody(
  _ operation: IntegerOperation, _ width: IntegerWidth, _ a: @escaping IntegerBody, _ b: @escaping IntegerBody
) -> IntegerBody {
  switch (operation, width) {
  case (.add, .four):
    return { (row, context) throws(SQLError) -> Int64? in
      let x = try a(row, context)
      let y = try b(row, context)
      guard let x, let y else { return nil }
      return try IntegerOperation.add.apply(x, y, width: .four)
    }
  case (.add, .eight):
    return { (row, context) throws(SQLError) -> Int64? in
      let x = try a(row, context)
      let y = try b(row, context)
      guard let x, let y else { return nil }
      return try IntegerOperation.add.apply(x, y, width: .eight)
    }
  default:
    return { (row, context) throws(SQLError) -> Int64? in
      let x = try a(row, context)
      let y = try b(row, context)
      guard let x, let y else { return nil }
      return try operation.apply(x, y, width: width)
    }
  }
}

private func comparisonBody(
  _ operation: ComparisonOperation, _ comparator: Comparator, _ lanes: [Lane], _ arguments: [Expression]
) -> TruthBody {
  switch comparator {
  case .integer, .instant:
    if let a = lanes[0].integer(arguments[0].type.kind), let b = lanes[1].integer(arguments[1].type.kind) {
      if case .constant(let datum, let type) = arguments[1], let box = IntegerBox(type.kind),
        let constant = try? box.unbox(datum)
      {
        return compareToConstant(operation, a, constant)
      }
      return { (row, context) throws(SQLError) -> Truth in
        let x = try a(row, context)
        let y = try b(row, context)
        guard let x, let y else { return .unknown }
        return Truth(operation.holds(order(x, y)))
      }
    }
  case .text:
    if case .constant(.text(let constant), _) = arguments[1] {
      let a = lanes[0].value
      let isEquality = operation == .equal
      return { (row, context) throws(SQLError) -> Truth in
        switch try a(row, context) {
        case .text(let text):
          return Truth(isEquality ? equalBytes(text, constant) : operation.holds(compareBytes(text, constant)))
        case .null: return .unknown
        default: throw Datum.mismatch("text")
        }
      }
    }
  default: break
  }
  let (a, b) = (lanes[0].value, lanes[1].value)
  return { (row, context) throws(SQLError) -> Truth in
    let x = try a(row, context)
    let y = try b(row, context)
    if x.isNull || y.isNull { return .unknown }
    return Truth(operation.holds(try comparator.compare(x, y, context)))
  }
}

private func compareToConstant(
  _ operation: ComparisonOperation, _ a: @escaping IntegerBody, _ constant: Int64
) -> TruthBody {
  /// Inlined into each case below, where `holds` is known.
  @inline(__always)
  func body(_ holds: @escaping @Sendable (Int64, Int64) -> Bool) -> TruthBody {
    { (row, context) throws(SQLError) -> Truth in
      guard let x = try a(row, context) else { return .unknown }
      return Truth(holds(x, constant))
    }
  }
  return switch operation {
  case .equal: body { $0 == $1 }
  case .notEqual: body { $0 != $1 }
  case .less: body { $0 < $1 }
  case .lessOrEqual: body { $0 <= $1 }
  case .greater: body { $0 > $1 }
  case .greaterOrEqual: body { $0 >= $1 }
  }
}
