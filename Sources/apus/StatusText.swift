import Node

/// The cluster's status for a person.
struct StatusText {
  let status: StatusDocument
  init(_ status: StatusDocument) { self.status = status }

  func text(withTablets: Bool) -> String {
    var text = Self.table(
      ["node", "state", "zone", "sql", "http", "leads", "replicas"],
      status.nodes.map { node in
        [
          "\(node.id)", node.live ? "live" : "silent for \(duration(node.silentSeconds))",
          "\(node.cloud).\(node.region).\(node.zone)", node.sql, node.http, "\(node.leaders)", "\(node.replicas)",
        ]
      })
    let withoutLeader = status.tablets.filter { $0.leader == nil }
    let behind = status.tablets.flatMap(\.replicas).filter { ($0.lag ?? 0) > 1000 }
    text += "\n\(status.tables.count) tables, \(status.tablets.count) tablets"
    text += withoutLeader.isEmpty ? ", all with a leader" : ", \(withoutLeader.count) WITHOUT A LEADER"
    if !behind.isEmpty { text += ", \(behind.count) replicas far behind" }
    text += "\n"
    if withTablets || !withoutLeader.isEmpty {
      text +=
        "\n"
        + Self.table(
          ["tablet", "table", "leader", "term", "commit", "bytes", "replicas (node:lag)"],
          (withTablets ? status.tablets : withoutLeader).map { tablet in
            [
              "\(tablet.id)", tablet.table, tablet.leader.map { "\($0)" } ?? "none", "\(tablet.term)",
              "\(tablet.commitIndex)", "\(tablet.bytes)",
              tablet.replicas.map { "\($0.node):\($0.lag.map { "\($0)" } ?? "?")" }.joined(separator: " "),
            ]
          })
    }
    return text
  }

  private func duration(_ seconds: Double) -> String {
    seconds < 120 ? "\(Int(seconds)) s" : "\(Int(seconds / 60)) min"
  }

  static func table(_ head: [String], _ rows: [[String]]) -> String {
    let widths = head.indices.map { column in
      ([head] + rows).map { $0[column].count }.max() ?? 0
    }
    return ([head] + rows).map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
      }
      return line + "\n"
    }.joined()
  }
}
