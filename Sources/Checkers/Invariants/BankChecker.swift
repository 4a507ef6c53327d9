/// W-BANK: money moves between accounts, so every snapshot of all of them has the same total.
package struct BankChecker: Sendable {
  package var total: Int64
  /// Rows with other keys must not be there. Rows of these may come and go.
  package var accounts: ClosedRange<Int64>
  /// Whether a balance may fall below zero.
  package var allowsNegative: Bool

  package init(total: Int64, accounts: ClosedRange<Int64>, allowsNegative: Bool = false) {
    self.total = total
    self.accounts = accounts
    self.allowsNegative = allowsNegative
  }

  package func check(_ history: [Transaction]) -> [Anomaly] {
    var findings = Findings()
    for snapshot in Snapshot.all(in: history) {
      let (index, rows) = (snapshot.transaction, snapshot.rows)
      if let ghost = rows.first(where: { !accounts.contains($0.key) }) {
        findings.add(.unknownRow, [index], "T\(index) saw account \(ghost.key), which nobody opened")
      }
      if !allowsNegative, let poor = rows.first(where: { $0.value < 0 }) {
        findings.add(.negativeBalance, [index], "T\(index) saw account \(poor.key) at \(poor.value)")
      }
      guard accounts.allSatisfy({ snapshot.value(of: $0) != nil }) else { continue }
      let sum = rows.reduce(0) { $0 &+ $1.value }
      if sum != total {
        findings.add(.wrongTotal, [index], "T\(index) saw \(sum) in all accounts, not \(total): \(history[index])")
      }
    }
    return findings.anomalies
  }
}
