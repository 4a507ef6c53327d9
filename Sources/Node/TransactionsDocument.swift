import Keys
import Operations
import Schema

/// The JSON of `/transactions`. Field names are part of the interface: `apus transactions` and scripts read them.
package struct TransactionsDocument: Codable, Sendable {
  package struct Entry: Codable, Sendable {
    package var id: String
    package var node: UInt32
    /// The session's; nil where no client's session runs it.
    package var pid: Int32?
    package var isolation: String
    package var readOnly: Bool
    package var ageSeconds: Double
    package var tables: [String]
    package var tablets: Int
    /// Writes that wait for the commit.
    package var bytes: UInt64
    /// Nil while it waits for nobody.
    package var wait: Wait?
  }

  package struct Wait: Codable, Sendable {
    package var transactions: [String]
    package var pids: [Int32]
    package var table: String
    package var seconds: Double
  }

  /// Oldest first.
  package var transactions: [Entry]

  init(_ open: [TransactionActivity], catalog: CatalogSnapshot) {
    func name(_ table: TableID) -> String {
      catalog.tables[table].map { "\($0.schema).\($0.name)" } ?? "\(table.rawValue)"
    }
    let processIDs = Dictionary(open.map { ($0.id, $0.processID) }, uniquingKeysWith: { first, _ in first })
    transactions = open.map { activity in
      // Both times are by its gateway's clock, as its age is.
      let now = activity.startMicroseconds &+ activity.ageMicroseconds
      return Entry(
        id: "\(activity.id)", node: activity.id.gateway.rawValue, pid: activity.processID,
        isolation: "\(activity.isolation)", readOnly: activity.isReadOnly,
        ageSeconds: Double(activity.ageMicroseconds) / 1e6, tables: activity.tables.map { name($0.table) },
        tablets: activity.touched.count, bytes: activity.pendingBytes,
        wait: activity.wait.map { wait in
          Wait(
            transactions: wait.blockers.map(\.description), pids: wait.blockers.compactMap { processIDs[$0] ?? nil },
            table: name(wait.table),
            seconds: Double(now - min(now, wait.sinceMicroseconds)) / 1e6)
        })
    }
  }
}
