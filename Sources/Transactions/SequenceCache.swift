import DequeModule
import Placement
import Synchronization

/// The sequence values that this node has taken from the catalog and not used yet. A restart loses them: gaps are normal.
final class SequenceCache: Sendable {
  private struct Stock {
    var next: Int64
    var increment: Int64
    var left: Int64
  }
  private let stocks = Mutex<[SequenceKey: Deque<Stock>]>([:])

  func take(_ key: SequenceKey, count: Int) -> [Int64] {
    stocks.withLock { stocks in
      guard var stock = stocks.removeValue(forKey: key) else { return [] }
      var values: [Int64] = []
      while values.count < count, var first = stock.popFirst() {
        values.append(first.next)
        first.left -= 1
        // The last value of a range may be the greatest there is.
        first.next &+= first.increment
        if first.left > 0 { stock.prepend(first) }
      }
      if !stock.isEmpty { stocks[key] = stock }
      return values
    }
  }

  func add(_ range: SequenceRange, to key: SequenceKey) {
    guard range.count > 0 else { return }
    let stock = Stock(next: range.first, increment: range.increment, left: range.count)
    stocks.withLock { $0[key, default: []].append(stock) }
  }
}
