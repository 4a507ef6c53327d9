import Expressions
import Values

/// The types of `$1`, `$2`, … of one statement. Each starts out given by the client or unknown, and takes the type of the
/// first place that asks for one (as PostgreSQL's `parse_param.c` describes).
struct ParameterTypes {
  private(set) var types: [SQLType]
  /// Values that the session computes before the statement runs follow the user's parameters.
  private(set) var slots: [SlotSource] = []
  let userCount: Int

  init(count: Int, given: [SQLType]) {
    userCount = max(count, given.count)
    types = given + Array(repeating: .unknown, count: userCount - given.count)
  }

  func expression(_ number: Int) -> Expression { .parameter(number - 1, types[number - 1]) }

  /// Gives a parameter of unknown type its type.
  mutating func assign(_ index: Int, _ type: SQLType) {
    if types[index].kind == .unknown { types[index] = SQLType(type.kind) }
  }

  mutating func addSlot(_ source: SlotSource, type: SQLType) -> Expression {
    types.append(type)
    slots.append(source)
    return .parameter(types.count - 1, type)
  }

  /// - Throws: 42P18 for a parameter that no place gave a type.
  func checkAllKnown() throws(SQLError) {
    if let index = types.firstIndex(where: { $0.kind == .unknown }) {
      throw SQLError(.indeterminateDatatype, "could not determine data type of parameter $\(index + 1)")
    }
  }
}

/// A function whose value comes from the session or the cluster, not from its arguments alone: computed once, before the
/// statement runs, and given to it like a parameter.
enum SlotSource: Sendable {
  case nextValue(Expression)
  case currentValue(Expression)
  case lastValue
  case sleep(Expression)
  case setConfig(name: Expression, value: Expression, isLocal: Expression)
  case currentSetting(name: Expression, missingIsNull: Expression?)
  case cancelBackend(Expression)
  case terminateBackend(Expression)
  case blockingBackends(Expression)

  /// Whether it must not be computed once for many rows.
  var isVolatile: Bool {
    switch self {
    case .nextValue, .sleep, .setConfig, .cancelBackend, .terminateBackend: true
    case .currentValue, .lastValue, .currentSetting, .blockingBackends: false
    }
  }
}
