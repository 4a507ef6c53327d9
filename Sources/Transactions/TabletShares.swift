import Keys
import Operations
import Schema
import Values

/// Cuts selections and rows by the tablets of their table.
package struct TabletShares {
  /// In key order; they tile the table's keys.
  package let tablets: [TabletDescriptor]

  package init(of table: TableDescriptor, in catalog: CatalogSnapshot) {
    tablets = catalog.tablets(of: table)
  }

  /// The tablet that holds a document key: the last one that begins at or before it.
  package func index(of key: [UInt8]) -> Int {
    var low = 0
    var high = tablets.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if KeyRange.isLess(key, tablets[middle].lower) { high = middle } else { low = middle }
    }
    return low
  }

  /// What each tablet has of a selection, in key order; tablets that have nothing of it are left out.
  package func shares(of selection: KeySelection) -> [(tablet: TabletDescriptor, selection: KeySelection)] {
    guard !tablets.isEmpty else { return [] }
    switch selection {
    case .points(let keys):
      var shares: [(TabletDescriptor, KeySelection)] = []
      var start = 0
      while start < keys.count {
        let tablet = index(of: keys[start])
        var end = start + 1
        if tablet + 1 == tablets.count { end = keys.count }
        while end < keys.count, KeyRange.isLess(keys[end], tablets[tablet + 1].lower) { end += 1 }
        shares.append((tablets[tablet], .points(Array(keys[start..<end]))))
        start = end
      }
      return shares
    case .ranges(let ranges):
      return tablets.compactMap { tablet in
        let cut = ranges.compactMap { range -> KeyRange? in
          let lower = KeyRange.isLess(range.lower, tablet.lower) ? tablet.lower : range.lower
          let upper = KeyRange.isLess(tablet.upper, range.upper) ? tablet.upper : range.upper
          return KeyRange.isLess(lower, upper) ? KeyRange(lower: lower, upper: upper) : nil
        }
        return cut.isEmpty ? nil : (tablet, .ranges(cut))
      }
    }
  }
}
