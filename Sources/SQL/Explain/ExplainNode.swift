import Values

/// One node of a plan as EXPLAIN shows it.
struct ExplainNode {
  /// As in the text form: `Index Scan using t_pkey on t`.
  var title: String
  /// Members of the JSON form: `Node Type`, `Relation Name`, …
  var members: [(name: String, value: String)]
  /// Lines below the title.
  var details: [Detail] = []
  /// A guess, from the form of the plan alone: there are no statistics.
  var rows: Int
  var width: Int
  var actualRows: Int?
  var children: [ExplainNode] = []

  struct Detail {
    enum Value {
      case text(String)
      case number(Int)
      case list([String])
    }
    var name: String
    var value: Value
  }

  /// The cost of a row, by which clients compare plans of this server with one another.
  private static let rowCost = 0.01
  var totalCost: Double {
    children.reduce(Double(rows) * Self.rowCost) { $0 + $1.totalCost }
  }
}

/// Writes plans in PostgreSQL's text and JSON layouts.
struct ExplainWriter {
  var showsCosts: Bool
  var isAnalyze: Bool
  var showsTiming: Bool
  /// Milliseconds that the whole statement took.
  var elapsedMilliseconds: Double

  func text(_ node: ExplainNode) -> [String] {
    var lines: [String] = []
    write(node, depth: 0, into: &lines)
    return lines
  }

  private func write(_ node: ExplainNode, depth: Int, into lines: inout [String]) {
    let arrow = depth == 0 ? "" : String(repeating: " ", count: depth * 6 - 4) + "->  "
    var line = arrow + node.title
    if showsCosts {
      line += "  (cost=0.00..\(Self.fixed(node.totalCost, 2)) rows=\(node.rows) width=\(node.width))"
    }
    if isAnalyze {
      if let actual = node.actualRows {
        let time = showsTiming && depth == 0 ? "time=0.000..\(Self.fixed(elapsedMilliseconds, 3)) " : ""
        line += " (actual \(time)rows=\(actual) loops=1)"
      }
    }
    lines.append(line)
    let indent = String(repeating: " ", count: depth * 6 + 2)
    for detail in node.details {
      switch detail.value {
      case .text(let text): lines.append("\(indent)\(detail.name): \(text)")
      case .number(let number): lines.append("\(indent)\(detail.name): \(number)")
      case .list(let items): lines.append("\(indent)\(detail.name): \(items.joined(separator: ", "))")
      }
    }
    for child in node.children { write(child, depth: depth + 1, into: &lines) }
  }

  // MARK: - JSON

  func json(_ node: ExplainNode, summary: [(name: String, value: String)]) -> String {
    var text = "[\n  {\n    \"Plan\": " + object(node, indent: 4)
    for (name, value) in summary { text += ",\n    \(Self.quoted(name)): \(value)" }
    return text + "\n  }\n]"
  }

  private func object(_ node: ExplainNode, indent: Int) -> String {
    let pad = String(repeating: " ", count: indent + 2)
    var members = node.members.map { "\(Self.quoted($0.name)): \(Self.quoted($0.value))" }
    members.append("\"Parallel Aware\": false")
    members.append("\"Async Capable\": false")
    if showsCosts {
      members.append("\"Startup Cost\": 0.00")
      members.append("\"Total Cost\": \(Self.fixed(node.totalCost, 2))")
      members.append("\"Plan Rows\": \(node.rows)")
      members.append("\"Plan Width\": \(node.width)")
    }
    if isAnalyze, let actual = node.actualRows {
      if showsTiming {
        members.append("\"Actual Startup Time\": 0.000")
        members.append("\"Actual Total Time\": \(Self.fixed(elapsedMilliseconds, 3))")
      }
      members.append("\"Actual Rows\": \(actual)")
      members.append("\"Actual Loops\": 1")
    }
    for detail in node.details {
      let value: String =
        switch detail.value {
        case .text(let text): Self.quoted(text)
        case .number(let number): String(number)
        case .list(let items): "[" + items.map(Self.quoted).joined(separator: ", ") + "]"
        }
      members.append("\(Self.quoted(detail.name)): \(value)")
    }
    if !node.children.isEmpty {
      let plans = node.children.map { "\(pad)  " + object($0, indent: indent + 4) }.joined(separator: ",\n")
      members.append("\"Plans\": [\n\(plans)\n\(pad)]")
    }
    return "{\n\(pad)" + members.joined(separator: ",\n\(pad)") + "\n\(String(repeating: " ", count: indent))}"
  }

  private static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    JSONText.writeQuoted(text, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  static func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = digits == 2 ? 100.0 : 1_000.0
    let rounded = Int64(min(max(value, 0) * scale + 0.5, 1e15))
    let (whole, rest) = rounded.quotientAndRemainder(dividingBy: Int64(scale))
    let fraction = String(rest)
    return "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
