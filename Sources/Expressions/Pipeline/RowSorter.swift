import Values

/// Puts rows in the order of `ORDER BY` keys: each by its type's order, NULLs where the key says.
package struct RowSorter: Sendable {
  private let keys: [(key: SortKey, type: SQLType)]

  /// `types` are those of the rows' columns. Keys whose column is not there are left out.
  package init(keys: [SortKey], types: [SQLType]) {
    self.keys = keys.compactMap { types.indices.contains($0.column) ? ($0, types[$0.column]) : nil }
  }

  /// Negative, 0 or positive. A row that is too short counts as NULL in what it lacks.
  package func compare(_ a: Row, _ b: Row) -> Int {
    for (key, type) in keys {
      let x = key.column < a.count ? a[key.column] : .null
      let y = key.column < b.count ? b[key.column] : .null
      switch (x.isNull, y.isNull) {
      case (true, true): continue
      case (true, false): return key.nullsFirst ? -1 : 1
      case (false, true): return key.nullsFirst ? 1 : -1
      case (false, false):
        let order = Datum.compare(x, y, as: type)
        if order != 0 { return key.descending ? -order : order }
      }
    }
    return 0
  }

  /// Sorts; rows with equal keys stay in their order.
  ///
  /// Most pairs are told apart by a number that is made of each row's first key once (PostgreSQL's sort calls it an
  /// abbreviated key), so that few rows are touched by the sort itself.
  package func sort(_ rows: inout [Row]) {
    var entries: [(lead: UInt64, place: Int)] = []
    entries.reserveCapacity(rows.count)
    for (place, row) in rows.enumerated() { entries.append((lead(of: row), place)) }
    entries.sort { a, b in
      if a.lead != b.lead { return a.lead < b.lead }
      let order = compare(rows[a.place], rows[b.place])
      return order != 0 ? order < 0 : a.place < b.place
    }
    rows = entries.map { rows[$0.place] }
  }

  /// A number that never orders two rows otherwise than `compare` does; it may be equal where that is not.
  private func lead(of row: Row) -> UInt64 {
    guard let (key, type) = keys.first else { return 0 }
    let datum = key.column < row.count ? row[key.column] : .null
    // The highest bit keeps NULLs apart.
    if datum.isNull { return key.nullsFirst ? 0 : .max }
    let lead = datum.orderLead(as: type)
    return (key.descending ? ~lead : lead) >> 1 | (key.nullsFirst ? 1 << 63 : 0)
  }
}

/// Keeps the first `limit` rows of all that come by, in the order of a sorter.
package struct TopRows: Sendable {
  private let sorter: RowSorter
  private let limit: Int
  /// A heap with the last of the kept rows at the root, each with its number of arrival: the earlier one of two equal
  /// rows is kept, as a stable sort would.
  private var heap: [(row: Row, arrival: Int)] = []
  private var arrivals = 0
  package private(set) var memoryEstimate = 0

  package init(limit: Int, sorter: RowSorter) {
    self.limit = max(0, limit)
    self.sorter = sorter
  }

  package var count: Int { heap.count }

  package mutating func insert(_ row: Row) {
    guard limit > 0 else { return }
    arrivals += 1
    let entry = (row: row, arrival: arrivals)
    if heap.count < limit {
      heap.append(entry)
      memoryEstimate += row.sizeEstimate
      siftUp(from: heap.count - 1)
    } else if isBefore(entry, heap[0]) {
      memoryEstimate += row.sizeEstimate - heap[0].row.sizeEstimate
      heap[0] = entry
      siftDown()
    }
  }

  /// The kept rows, sorted. Nothing is kept afterwards.
  package mutating func takeSorted() -> [Row] {
    let sorted = heap.sorted { isBefore($0, $1) }.map(\.row)
    heap = []
    memoryEstimate = 0
    return sorted
  }

  private func isBefore(_ a: (row: Row, arrival: Int), _ b: (row: Row, arrival: Int)) -> Bool {
    let order = sorter.compare(a.row, b.row)
    return order != 0 ? order < 0 : a.arrival < b.arrival
  }

  private mutating func siftUp(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard isBefore(heap[parent], heap[child]) else { return }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      var last = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(heap[last], heap[child]) {
        last = child
      }
      if last == parent { return }
      heap.swapAt(parent, last)
      parent = last
    }
  }
}

extension [Datum] {
  /// Bytes that the row takes in memory, roughly.
  package var sizeEstimate: Int {
    reduce(32 + count * MemoryLayout<Datum>.stride) { $0 + $1.heapSizeEstimate }
  }
}
