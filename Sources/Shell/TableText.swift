import PostgresClient

/// Lays rows out as psql's "aligned" format does, with border 1; `isExpanded` for `\x`.
package struct TableText: Sendable {
  package var title: String?
  package var isExpanded = false
  /// What stands for null.
  package var null = ""
  /// Lines after the rows, in place of the count.
  package var footers: [String]?

  package init(title: String? = nil, isExpanded: Bool = false, null: String = "", footers: [String]? = nil) {
    self.title = title
    self.isExpanded = isExpanded
    self.null = null
    self.footers = footers
  }

  /// The table, its count of rows, and the empty line after it.
  package func text(_ result: PostgresResult) -> String {
    let columns = result.columns.map { CellText($0.name) }
    let rows = result.rows.map { $0.map { CellText($0 ?? null) } }
    if isExpanded { return expanded(columns, rows) }
    let isNumeric = result.columns.map { Self.numericTypes.contains($0.type) }
    return aligned(columns, rows, isNumeric)
  }

  /// int8, int2, int4, oid, xid, cid, float4, float8, money, numeric and xid8, by their ids in `pg_type`.
  private static let numericTypes: Set<UInt32> = [20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069]

  private func count(_ rows: [[CellText]]) -> String { "(\(rows.count) row\(rows.count == 1 ? "" : "s"))" }

  // MARK: Rows as lines

  private func aligned(_ columns: [CellText], _ rows: [[CellText]], _ isNumeric: [Bool]) -> String {
    var widths = columns.map(\.width)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.width) }
    }
    var text = ""
    if let title {
      let total = widths.reduce(0, +) + 3 * widths.count - 1
      let indent = max(0, (total - CellText(title).width) / 2)
      text += String(repeating: " ", count: indent) + title + "\n"
    }
    appendLines(&text, columns, widths, isHeading: true) { cell, line, width, _, _ in
      let space = width - cell.widths[line]
      return String(repeating: " ", count: space / 2) + cell.lines[line]
        + String(repeating: " ", count: space - space / 2)
    }
    text += columns.isEmpty ? "--" : widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+")
    text += "\n"
    for row in rows where !row.isEmpty {
      appendLines(&text, row, widths, isHeading: false) { cell, line, width, column, needsPadding in
        let space = String(repeating: " ", count: width - cell.widths[line])
        if isNumeric[column] { return space + cell.lines[line] }
        return cell.lines[line] + (needsPadding ? space : "")
      }
    }
    for line in footers ?? [count(rows)] { text += line + "\n" }
    return text + "\n"
  }

  /// A row has as many lines as its tallest cell; a `+` stands where a cell goes on in the next one.
  private func appendLines(
    _ text: inout String, _ cells: [CellText], _ widths: [Int], isHeading: Bool,
    _ content: (_ cell: CellText, _ line: Int, _ width: Int, _ column: Int, _ needsPadding: Bool) -> String
  ) {
    for line in 0..<(cells.map(\.lines.count).max() ?? 0) {
      for (column, cell) in cells.enumerated() {
        let isLast = column == cells.count - 1
        let goesOn = line + 1 < cell.lines.count
        text += " "
        if line < cell.lines.count {
          text += content(cell, line, widths[column], column, !isLast || goesOn)
        } else {
          text += String(repeating: " ", count: widths[column])
        }
        if goesOn { text += "+" } else if !isLast || isHeading { text += " " }
        if !isLast { text += "|" }
      }
      text += "\n"
    }
  }

  // MARK: A record under the other

  private func expanded(_ columns: [CellText], _ rows: [[CellText]]) -> String {
    var text = title.map { $0 + "\n" } ?? ""
    if rows.isEmpty {
      return text + (footers ?? [count(rows)]).map { $0 + "\n" }.joined() + "\n"
    }
    let nameWidth = columns.map(\.width).max() ?? 0
    let valueWidth = rows.lazy.joined().map(\.width).max() ?? 0
    for (number, row) in rows.enumerated() {
      text += Self.recordLine(number + 1, nameWidth, valueWidth) + "\n"
      for (name, value) in zip(columns, row) {
        for line in 0..<max(name.lines.count, value.lines.count) {
          let label = line < name.lines.count ? name.lines[line] : ""
          let labelWidth = line < name.lines.count ? name.widths[line] : 0
          text += label + String(repeating: " ", count: nameWidth - labelWidth)
          text += line + 1 < name.lines.count ? "+| " : " | "
          if line < value.lines.count {
            text += value.lines[line]
            if line + 1 < value.lines.count {
              text += String(repeating: " ", count: valueWidth - value.widths[line]) + "+"
            }
          }
          text += "\n"
        }
      }
    }
    for line in footers ?? [] { text += line + "\n" }
    return text + "\n"
  }

  /// `-[ RECORD 1 ]--+----`: dashes as long as the widest record, with a plus over the bars where the label leaves room.
  private static func recordLine(_ number: Int, _ nameWidth: Int, _ valueWidth: Int) -> String {
    var line = "-[ RECORD \(number) ]"
    let bar = nameWidth + 1
    while line.utf8.count < bar + 2 + valueWidth {
      line += line.utf8.count == bar ? "+" : "-"
    }
    return line
  }
}
