import Values

/// Compiles one node and, before it, its operands.
func compile(_ expression: Expression) -> Lane {
  switch expression {
  case .constant(let datum, let type):
    if let box = IntegerBox(type.kind), let value = try? box.unbox(datum) { return .integer({ _, _ in value }, box) }
    return .value { _, _ in datum }
  case .column(let index, let type): return compileColumn(index, type)
  case .parameter(let index, _):
    return .value { (_, context) throws(SQLError) -> Datum in try context.parameter(index) }
  case .call(let id, let arguments, _):
    guard let function = FunctionCatalog.function(id) else {
      return .value { (_, _) throws(SQLError) -> Datum in throw .unknownFunction(id) }
    }
    return compileCall(function, arguments)
  case .cast(let operand, let type, let isExplicit): return compileCast(operand, to: type, isExplicit: isExplicit)
  case .and(let operands): return compileKleene(operands.map { compile($0).truth }, decisive: .false)
  case .or(let operands): return compileKleene(operands.map { compile($0).truth }, decisive: .true)
  case .not(let operand):
    let body = compile(operand).truth
    return .truth { (row, context) throws(SQLError) -> Truth in
      switch try body(row, context) {
      case .true: .false
      case .false: .true
      case .unknown: .unknown
      }
    }
  case .isNull(let operand):
    if case .column(let index, _) = operand {
      return .truth { (row, _) throws(SQLError) -> Truth in Truth(try row.column(index).isNull) }
    }
    let body = compile(operand).value
    return .truth { (row, context) throws(SQLError) -> Truth in Truth(try body(row, context).isNull) }
  case .isBool(let operand, let expected):
    let (body, wanted) = (compile(operand).truth, Truth(expected))
    return .truth { (row, context) throws(SQLError) -> Truth in Truth(try body(row, context) == wanted) }
  case .isDistinct(let left, let right):
    let (a, b, type) = (compile(left).value, compile(right).value, left.type)
    return .truth { (row, context) throws(SQLError) -> Truth in
      let (x, y) = (try a(row, context), try b(row, context))
      if x.isNull || y.isNull { return Truth(x.isNull != y.isNull) }
      return Truth(Datum.compare(x, y, as: type) != 0)
    }
  case .when(let clauses, let otherwise, _):
    let compiled = clauses.map { (condition: compile($0.condition).truth, result: compile($0.result).value) }
    let rest = otherwise.map { compile($0).value }
    return .value { (row, context) throws(SQLError) -> Datum in
      for clause in compiled where try clause.condition(row, context) == .true {
        return try clause.result(row, context)
      }
      return try rest?(row, context) ?? .null
    }
  case .coalesce(let operands, _):
    let bodies = operands.map { compile($0).value }
    return .value { (row, context) throws(SQLError) -> Datum in
      for body in bodies {
        let value = try body(row, context)
        if !value.isNull { return value }
      }
      return .null
    }
  case .greatest(let operands, let type): return compileExtreme(operands, type, sign: 1)
  case .least(let operands, let type): return compileExtreme(operands, type, sign: -1)
  case .inList(let operand, let elements): return compileInList(operand, elements)
  }
}

private func compileColumn(_ index: Int, _ type: SQLType) -> Lane {
  let plain: ValueBody = { (row, _) throws(SQLError) -> Datum in try row.column(index) }
  // The commonest widths get closures of their own: no switch over the type for each row.
  switch IntegerBox(type.kind) {
  case nil: return .value(plain)
  case .integer(.four)?:
    return .integer(
      { (row, _) throws(SQLError) -> Int64? in
        guard index >= 0, index < row.count else { throw .noColumn(index, row.count) }
        switch row[index] {
        case .int4(let value): return Int64(value)
        case .null: return nil
        default: throw Datum.mismatch("integer")
        }
      }, .integer(.four))
  case .integer(.eight)?:
    return .integer(
      { (row, _) throws(SQLError) -> Int64? in
        guard index >= 0, index < row.count else { throw .noColumn(index, row.count) }
        switch row[index] {
        case .int8(let value): return value
        case .null: return nil
        default: throw Datum.mismatch("bigint")
        }
      }, .integer(.eight))
  case let box?:
    return .integer({ (row, _) throws(SQLError) -> Int64? in try box.unbox(try row.column(index)) }, box)
  }
}

private func compileCast(_ operand: Expression, to type: SQLType, isExplicit: Bool) -> Lane {
  let cast = Cast(from: operand.type, to: type, isExplicit: isExplicit)
  let source = compile(operand)
  // Widening an integer changes nothing in the unboxed lane.
  if let to = IntegerWidth(type.kind), let from = IntegerWidth(operand.type.kind), to.rawValue >= from.rawValue,
    let body = source.integer(operand.type.kind)
  {
    return .integer(body, .integer(to))
  }
  let body = source.value
  return .value { (row, context) throws(SQLError) -> Datum in try cast.apply(try body(row, context), context) }
}

private func compileKleene(_ bodies: [TruthBody], decisive: Truth) -> Lane {
  let otherwise: Truth = decisive == .true ? .false : .true
  if bodies.count == 2 {
    let (first, second) = (bodies[0], bodies[1])
    return .truth { (row, context) throws(SQLError) -> Truth in
      let a = try first(row, context)
      if a == decisive { return decisive }
      let b = try second(row, context)
      if b == decisive { return decisive }
      return a == .unknown || b == .unknown ? .unknown : otherwise
    }
  }
  return .truth { (row, context) throws(SQLError) -> Truth in
    var result = otherwise
    for body in bodies {
      let value = try body(row, context)
      if value == decisive { return decisive }
      if value == .unknown { result = .unknown }
    }
    return result
  }
}

private func compileExtreme(_ operands: [Expression], _ type: SQLType, sign: Int) -> Lane {
  let bodies = operands.map { compile($0).value }
  return .value { (row, context) throws(SQLError) -> Datum in
    var best = Datum.null
    for body in bodies {
      let value = try body(row, context)
      if value.isNull { continue }
      if best.isNull || Datum.compare(value, best, as: type) * sign > 0 { best = value }
    }
    return best
  }
}

private func compileInList(_ operand: Expression, _ elements: [Expression]) -> Lane {
  if elements.isEmpty {
    let body = compile(operand).value
    return .truth { (row, context) throws(SQLError) -> Truth in
      _ = try body(row, context)
      return .false
    }
  }
  let type = operand.type
  let constants = elements.compactMap { if case .constant(let datum, _) = $0 { datum } else { nil } }
  if constants.count == elements.count {
    // All constants: one look-up in a set instead of a comparison for each.
    let strip: @Sendable (Datum) -> Datum = { $0.groupable(as: type.kind) }
    let set = Set(constants.filter { !$0.isNull }.map { GroupKey([strip($0)]) })
    let missing: Truth = constants.contains(where: \.isNull) ? .unknown : .false
    let operand = compile(operand)
    if let box = IntegerBox(type.kind), let body = operand.integer(type.kind),
      let integers = try? Set(constants.compactMap({ (datum) throws(SQLError) in try box.unbox(datum) }))
    {
      return .truth { (row, context) throws(SQLError) -> Truth in
        guard let value = try body(row, context) else { return .unknown }
        return integers.contains(value) ? .true : missing
      }
    }
    let body = operand.value
    return .truth { (row, context) throws(SQLError) -> Truth in
      let value = try body(row, context)
      if value.isNull { return .unknown }
      return set.contains(GroupKey([strip(value)])) ? .true : missing
    }
  }
  let body = compile(operand).value
  let candidates = elements.map { compile($0).value }
  return .truth { (row, context) throws(SQLError) -> Truth in
    let value = try body(row, context)
    if value.isNull { return .unknown }
    var result = Truth.false
    for candidate in candidates {
      let element = try candidate(row, context)
      if element.isNull { result = .unknown } else if Datum.compare(value, element, as: type) == 0 { return .true }
    }
    return result
  }
}

extension Datum {
  /// The value as `GroupKey` wants it: `character(n)` without its padding.
  func groupable(as type: TypeKind) -> Datum {
    if type == .char, case .text(let text) = self { .text(text.withoutTrailingBlanks) } else { self }
  }
}
