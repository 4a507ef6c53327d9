import Keys
import Operations
import Schema
import Values

/// The rows of an insert, cut by tablets.
package struct InsertShares {
  package struct Share {
    package var tablet: TabletDescriptor
    /// Places in the input. In key order (rows of one key as they came), so that each replica's memtable is filled
    /// neighbour by neighbour: with hashed keys in the order of arrival, half the time of a load went into finding
    /// places in it.
    package var positions: [Int]
  }
  /// In the order of the tablets.
  package let shares: [Share]

  package init(_ rows: [Row], of table: TableDescriptor, shares tablets: TabletShares) throws(SQLError) {
    var keys: [[UInt8]] = []
    keys.reserveCapacity(rows.count)
    for row in rows { keys.append(try table.documentKey(for: row)) }
    let inKeyOrder = KeyOrder.places(of: keys, sharedCount: table.id.keyPrefix.count)
    var byTablet: [Int: [Int]] = [:]
    for row in inKeyOrder { byTablet[tablets.index(of: keys[row]), default: []].append(row) }
    shares = byTablet.sorted { $0.key < $1.key }.map { Share(tablet: tablets.tablets[$0.key], positions: $0.value) }
  }

  /// The results of the shares as one, returned rows in the order of the input.
  package func merged(_ results: [MutationResult]) -> MutationResult {
    if results.count == 1, shares[0].positions.count == 1 { return results[0] }
    var affected = 0
    var returned: [(position: Int, row: Row)] = []
    var changes: [RowChange] = []
    for (share, result) in zip(shares, results) {
      affected += result.affectedCount
      changes.append(contentsOf: result.changes)
      for (offset, row) in result.returned.enumerated() {
        // Rows that a conflict skipped have no place any more; the others keep theirs.
        let isWhole = result.returned.count == share.positions.count
        returned.append((isWhole ? share.positions[offset] : share.positions.last ?? 0, row))
      }
    }
    return MutationResult(
      affectedCount: affected, returned: returned.sorted { $0.position < $1.position }.map(\.row), changes: changes)
  }
}
