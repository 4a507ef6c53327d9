import Expressions
import Values

/// Writes expressions as SQL, in the form of PostgreSQL's `pg_get_expr`: operators in brackets, constants with their type.
struct Deparser {
  /// What stands for each of the input row's columns.
  private let columns: [String]

  /// - Parameter columns: names, put in quotes where they need them.
  init(columns: [String]) { self.columns = columns.map(Self.quoted) }

  /// - Parameter verbatim: texts that are SQL already.
  init(verbatim: [String]) { columns = verbatim }

  func text(_ expression: Expression) -> String {
    switch expression {
    case .constant(let datum, let type): return constant(datum, type)
    case .column(let index, _): return columns.indices.contains(index) ? columns[index] : "?column?"
    case .parameter(let index, _): return "$\(index + 1)"
    case .call(let id, let arguments, _): return call(id, arguments)
    case .cast(let operand, let type, _):
      // What the resolution of operators added is not shown for plain columns of text.
      let inner = text(operand)
      let isSimple = operand.operands.isEmpty || isCall(operand)
      return "\(isSimple && !isOperator(operand) ? wrapped(operand, inner) : "(\(inner))")::\(TypeCatalog.format(type))"
    case .and(let operands): return "(" + operands.map(text).joined(separator: " AND ") + ")"
    case .or(let operands): return "(" + operands.map(text).joined(separator: " OR ") + ")"
    case .not(.isNull(let operand)): return "(\(text(operand)) IS NOT NULL)"
    case .not(.isBool(let operand, let expected)): return "(\(text(operand)) IS NOT \(expected ? "TRUE" : "FALSE"))"
    case .not(.isDistinct(let a, let b)): return "(NOT (\(text(a)) IS DISTINCT FROM \(text(b))))"
    case .not(.inList(let operand, let elements)):
      return "(\(text(operand)) <> ALL (\(array(elements))))"
    case .not(let operand): return "(NOT \(text(operand)))"
    case .isNull(let operand): return "(\(text(operand)) IS NULL)"
    case .isBool(let operand, let expected): return "(\(text(operand)) IS \(expected ? "TRUE" : "FALSE"))"
    case .isDistinct(let a, let b): return "(\(text(a)) IS DISTINCT FROM \(text(b)))"
    case .when(let clauses, let otherwise, _):
      let whens = clauses.map { "WHEN \(text($0.condition)) THEN \(text($0.result))" }
      return "CASE \(whens.joined(separator: " ")) ELSE \(otherwise.map(text) ?? "NULL") END"
    case .coalesce(let operands, _): return "COALESCE(\(list(operands)))"
    case .greatest(let operands, _): return "GREATEST(\(list(operands)))"
    case .least(let operands, _): return "LEAST(\(list(operands)))"
    case .inList(let operand, let elements): return "(\(text(operand)) = ANY (\(array(elements))))"
    }
  }

  /// An aggregate's call.
  func text(_ call: AggregateCall) -> String {
    let name = FunctionCatalog.aggregate(call.function)?.name ?? "aggregate"
    let arguments = call.arguments.isEmpty ? "*" : (call.isDistinct ? "DISTINCT " : "") + list(call.arguments)
    return "\(name)(\(arguments))" + (call.filter.map { " FILTER (WHERE \(text($0)))" } ?? "")
  }

  private func list(_ expressions: [Expression]) -> String { expressions.map(text).joined(separator: ", ") }

  private func array(_ elements: [Expression]) -> String {
    guard let type = elements.first?.type, elements.allSatisfy(\.isConstant) else { return "ARRAY[\(list(elements))]" }
    let values = elements.map { element -> String in
      guard case .constant(let datum, _) = element, !datum.isNull else { return "NULL" }
      return TextFormat.text(datum, as: type)
    }
    return "'{\(values.joined(separator: ","))}'::\(TypeCatalog.format(type))[]"
  }

  private func constant(_ datum: Datum, _ type: SQLType) -> String {
    // A modifier has done its work on a constant already.
    let typeName = type.kind == .char ? "bpchar" : TypeCatalog.format(SQLType(type.kind))
    if datum.isNull { return "NULL::\(typeName)" }
    let value = TextFormat.text(datum, as: type)
    switch datum {
    case .bool(let isTrue): return isTrue ? "true" : "false"
    case .int4: return value.hasPrefix("-") ? "'\(value)'::integer" : value
    case .numeric where type.modifier == .none && value.utf8.contains(UInt8(ascii: ".")) && !value.hasPrefix("-"):
      return value
    default: return "\(Self.literal(value))::\(typeName)"
    }
  }

  private func call(_ id: FunctionID, _ arguments: [Expression]) -> String {
    if let name = Self.operatorNames[id], arguments.count <= 2 {
      switch arguments.count {
      case 2: return "(\(text(arguments[0])) \(name) \(text(arguments[1])))"
      case 1: return "(\(name) \(text(arguments[0])))"
      default: break
      }
    }
    return "\(FunctionCatalog.function(id)?.name ?? "function")(\(list(arguments)))"
  }

  private func isCall(_ expression: Expression) -> Bool { if case .call = expression { true } else { false } }
  private func isOperator(_ expression: Expression) -> Bool {
    if case .call(let id, _, _) = expression { Self.operatorNames[id] != nil } else { false }
  }
  private func wrapped(_ operand: Expression, _ text: String) -> String {
    if case .column = operand { "(\(text))" } else { text }
  }

  private static let operatorNames: [FunctionID: String] = {
    var names: [FunctionID: String] = [:]
    for definition in FunctionCatalog.operators where names[definition.function] == nil {
      names[definition.function] = definition.name
    }
    return names
  }()

  /// A string literal.
  static func literal(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }

  /// An identifier, in quotes where it needs them.
  static func quoted(_ name: String) -> String {
    let isPlain =
      !name.isEmpty && !(0x30...0x39).contains(name.utf8.first ?? 0)
      && name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    return isPlain ? name : "\"\(name.replacing("\"", with: "\"\""))\""
  }
}
