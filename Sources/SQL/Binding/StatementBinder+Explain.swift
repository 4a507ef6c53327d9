import Values

extension StatementBinder {
  mutating func bindExplain(
    _ inner: StatementSyntax, _ options: [OptionSyntax]
  ) throws(SQLError) -> (ExplainPlan, [ResultColumn]) {
    var format = ExplainPlan.Format.text
    var switches: [String: Bool] = [:]
    for option in options {
      switch option.name {
      case "format":
        guard case .text(let name) = option.value else { throw Self.badOption(option) }
        switch name {
        case "text": format = .text
        case "json": format = .json
        default: throw .unsupported("the EXPLAIN format \"\(name)\"", hint: "Use TEXT or JSON.", at: option.location)
        }
      case "analyze", "verbose", "costs", "timing", "summary", "buffers", "settings", "wal", "dist":
        switches[option.name] = try Self.isOn(option)
      default:
        throw SQLError(.syntaxError, "unrecognized EXPLAIN option \"\(option.name)\"", at: option.location)
      }
    }
    switch inner {
    case .select, .insert, .update, .delete: break
    default: throw .unsupported("EXPLAIN of this statement")
    }
    let statement = try plan(inner)
    let isAnalyze = switches["analyze"] ?? false
    let plan = ExplainPlan(
      statement: statement, format: format, isAnalyze: isAnalyze, isVerbose: switches["verbose"] ?? false,
      showsCosts: switches["costs"] ?? true, showsTiming: switches["timing"] ?? isAnalyze,
      showsSummary: switches["summary"] ?? isAnalyze)
    return (plan, [ResultColumn(name: "QUERY PLAN", type: format == .json ? .json : .text)])
  }

  static func isOn(_ option: OptionSyntax) throws(SQLError) -> Bool {
    switch option.value {
    case .none: return true
    case .number(let number) where number == 0 || number == 1: return number == 1
    case .text(let text):
      switch text.lowercased() {
      case "true", "on": return true
      case "false", "off": return false
      default: throw badOption(option)
      }
    default: throw badOption(option)
    }
  }

  private static func badOption(_ option: OptionSyntax) -> SQLError {
    SQLError(.syntaxError, "\(option.name) requires a Boolean value", at: option.location)
  }
}
