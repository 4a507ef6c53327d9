import Coding
import Values

// The binary form of expressions: a tag byte, the node's own fields, its operands. Pipelines, which travel by
// themselves, begin with a version. Functions go by number, so a node decodes calls that it does not know, and
// refuses them when they are evaluated.

extension ByteWriter {
  package mutating func write(_ expression: Expression) {
    switch expression {
    case .constant(let datum, let type):
      write(UInt8(1))
      write(datum)
      write(type)
    case .column(let index, let type):
      write(UInt8(2))
      writeCount(index)
      write(type)
    case .parameter(let index, let type):
      write(UInt8(3))
      writeCount(index)
      write(type)
    case .call(let id, let arguments, let type):
      write(UInt8(4))
      writeVarint(UInt64(id.rawValue))
      write(arguments)
      write(type)
    case .cast(let operand, let type, let isExplicit):
      write(UInt8(5))
      write(operand)
      write(type)
      write(isExplicit)
    case .and(let operands):
      write(UInt8(6))
      write(operands)
    case .or(let operands):
      write(UInt8(7))
      write(operands)
    case .not(let operand):
      write(UInt8(8))
      write(operand)
    case .isNull(let operand):
      write(UInt8(9))
      write(operand)
    case .isBool(let operand, let expected):
      write(UInt8(10))
      write(operand)
      write(expected)
    case .isDistinct(let left, let right):
      write(UInt8(11))
      write(left)
      write(right)
    case .when(let clauses, let otherwise, let type):
      write(UInt8(12))
      writeArray(clauses) { writer, clause in
        writer.write(clause.condition)
        writer.write(clause.result)
      }
      writeOptional(otherwise) { $0.write($1) }
      write(type)
    case .coalesce(let operands, let type):
      write(UInt8(13))
      write(operands)
      write(type)
    case .greatest(let operands, let type):
      write(UInt8(14))
      write(operands)
      write(type)
    case .least(let operands, let type):
      write(UInt8(15))
      write(operands)
      write(type)
    case .inList(let operand, let elements):
      write(UInt8(16))
      write(operand)
      write(elements)
    }
  }

  package mutating func write(_ expressions: [Expression]) { writeArray(expressions) { $0.write($1) } }
}

extension ByteReader {
  /// - Throws: `malformed` for what `write` never produces, and for operands that nest deeper than evaluation goes.
  package mutating func readExpression() throws(CodingError) -> Expression {
    try readExpression(depth: 0)
  }

  package mutating func readExpressions() throws(CodingError) -> [Expression] { try readExpressions(depth: 0) }

  private mutating func readExpressions(depth: Int) throws(CodingError) -> [Expression] {
    try readArray { (reader) throws(CodingError) in try reader.readExpression(depth: depth) }
  }

  private mutating func readExpression(depth: Int) throws(CodingError) -> Expression {
    guard depth < Expression.depthMax else { throw .malformed(what: "expression depth") }
    let depth = depth + 1
    switch try readByte() {
    case 1: return .constant(try readDatum(), try readType())
    case 2: return .column(try readPosition(), try readType())
    case 3: return .parameter(try readPosition(), try readType())
    case 4:
      guard let id = UInt32(exactly: try readVarint()) else { throw .malformed(what: "function id") }
      return .call(FunctionID(id), try readExpressions(depth: depth), try readType())
    case 5:
      return .cast(try readExpression(depth: depth), to: try readType(), isExplicit: try readBool())
    case 6: return .and(try readExpressions(depth: depth))
    case 7: return .or(try readExpressions(depth: depth))
    case 8: return .not(try readExpression(depth: depth))
    case 9: return .isNull(try readExpression(depth: depth))
    case 10: return .isBool(try readExpression(depth: depth), expected: try readBool())
    case 11: return .isDistinct(try readExpression(depth: depth), try readExpression(depth: depth))
    case 12:
      let clauses = try readArray(minimumSize: 2) { (reader) throws(CodingError) in
        WhenClause(
          condition: try reader.readExpression(depth: depth), result: try reader.readExpression(depth: depth))
      }
      let otherwise = try readOptional { (reader) throws(CodingError) in try reader.readExpression(depth: depth) }
      return .when(clauses, otherwise: otherwise, try readType())
    case 13: return .coalesce(try readExpressions(depth: depth), try readType())
    case 14: return .greatest(try readExpressions(depth: depth), try readType())
    case 15: return .least(try readExpressions(depth: depth), try readType())
    case 16: return .inList(try readExpression(depth: depth), try readExpressions(depth: depth))
    default: throw .malformed(what: "expression tag")
    }
  }

  /// A type whose modifier is one that the type can have.
  mutating func readType() throws(CodingError) -> SQLType {
    let type = try readSQLType()
    let isPossible =
      switch (type.kind, type.modifier) {
      case (_, .none): true
      case (.varchar, .length(let length)), (.char, .length(let length)): length >= 1
      case (.numeric, .precisionScale(let precision, let scale)):
        (1...1000).contains(precision) && (-1000...1000).contains(scale)
      case (.time, .fraction(let digits)), (.timestamp, .fraction(let digits)),
        (.timestampTZ, .fraction(let digits)), (.interval, .fraction(let digits)):
        (0...6).contains(digits)
      default: false
      }
    guard isPossible else { throw .malformed(what: "type modifier") }
    return type
  }

  /// A column, parameter or sort position: small enough to add one to.
  mutating func readPosition() throws(CodingError) -> Int {
    let value = try readVarint()
    guard value < 1 << 31 else { throw .malformed(what: "position") }
    return Int(value)
  }
}
