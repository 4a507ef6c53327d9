/// What the reads of a history say about its lists, key by key: the order of versions, who wrote them, who read which.
struct ListHistory {
  struct Element: Hashable {
    var key: Int64
    var value: Int64
  }

  struct Append {
    var transaction: Int
    /// The last one of its transaction to this key: what others may see.
    var isLast: Bool
  }

  /// A read of what others wrote: the first `count` elements of the key's order.
  struct ExternalRead {
    var transaction: Int
    var key: Int64
    var count: Int
  }

  let history: [Transaction]
  private(set) var findings = Findings()
  private(set) var appends: [Element: Append] = [:]
  /// The versions of each key, oldest first, as the longest read has them. Keys whose reads contradict are left out.
  private(set) var orders: [Int64: [Int64]] = [:]
  private(set) var externalReads: [ExternalRead] = []
  /// Whether each transaction took effect: committed, or unknown and seen.
  private(set) var happened: [Bool]
  /// Transactions with an acknowledged append that later reads do not have.
  private(set) var lost: Set<Int> = []
  /// Appends that took effect and that no read shows: they came after the key's order, in the order of the history.
  private(set) var unseen: [Int64: [(transaction: Int, value: Int64)]] = [:]

  init(_ history: [Transaction]) {
    self.history = history
    happened = history.map(\.isCommitted)
    collectAppends()
    for transaction in history.indices { readInside(transaction) }
    let keys = longest.keys.sorted()
    for key in keys { settleOrder(of: key) }
    for read in reads { judge(read) }
    externalReads = externalReads.filter { orders[$0.key] != nil }
    findUnseen()
  }

  // MARK: One transaction

  /// The longest list that a read shows of a key, without what the reader had only for itself.
  private var longest: [Int64: [Int64]] = [:]

  /// A read as the client had it: `list`, of which the first `external` elements are not the reader's own.
  private struct Read {
    var transaction: Int
    var key: Int64
    var list: [Int64]
    var external: Int
  }
  private var reads: [Read] = []

  private mutating func collectAppends() {
    for (index, transaction) in history.enumerated() {
      var last: [Int64: Element] = [:]
      for case .append(let key, let value) in transaction.operations {
        let element = Element(key: key, value: value)
        if let other = appends[element] {
          findings.add(
            .ambiguousAppend, [other.transaction, index],
            "T\(other.transaction) and T\(index) both append \(value) to key \(key); the workload must not do that")
        }
        if let before = last.updateValue(element, forKey: key) { appends[before]?.isLast = false }
        appends[element] = Append(transaction: index, isLast: true)
      }
    }
  }

  /// Follows one transaction through its statements: what it must see of itself, and what it saw of others.
  private mutating func readInside(_ index: Int) {
    let transaction = history[index]
    let hasSnapshot = transaction.isolation >= .repeatableRead
    var own: [Int64: [Int64]] = [:]
    var seen: [Int64: [Int64]] = [:]
    for operation in transaction.operations {
      switch operation {
      case .append(let key, let value):
        own[key, default: []].append(value)
      case .readList(let key, let list, _):
        let mine = own[key] ?? []
        let external = list.dropLast(min(mine.count, list.count))
        let before = seen[key]
        if list.suffix(mine.count) != mine[...] {
          findings.add(
            .internalInconsistency, [index],
            "T\(index) appended \(mine) to key \(key) and then read \(list), which does not end with that")
          continue
        }
        if hasSnapshot, let before, before[...] != external {
          findings.add(
            .internalInconsistency, [index],
            "T\(index) (\(transaction.isolation.sql)) read key \(key) as \(before) and later as \(Array(external))")
          continue
        }
        if let own = external.first(where: { appends[Element(key: key, value: $0)]?.transaction == index }) {
          findings.add(
            .internalInconsistency, [index],
            "T\(index) read \(list) of key \(key), with \(own), which it only appends later")
          continue
        }
        // A snapshot is read once.
        let isNews = !hasSnapshot || before == nil
        seen[key] = Array(external)
        reads.append(Read(transaction: index, key: key, list: list, external: external.count))
        let shown = transaction.isCommitted ? list : Array(external)
        if longest[key].map({ $0.count < shown.count }) ?? true { longest[key] = shown }
        if isNews { externalReads.append(ExternalRead(transaction: index, key: key, count: external.count)) }
      case .write, .add, .read, .scan: break
      }
    }
  }

  // MARK: One key

  private mutating func settleOrder(of key: Int64) {
    guard let order = longest[key] else { return }
    var places: [Int64: Int] = [:]
    for (place, value) in order.enumerated() { places[value] = places[value] ?? place }
    orders[key] = order
    if places.count < order.count || order.contains(where: { appends[Element(key: key, value: $0)] == nil }) {
      orders[key] = nil
    }
    var lastAborted: (transaction: Int, value: Int64)?
    for value in order {
      guard let append = appends[Element(key: key, value: value)] else { continue }
      switch history[append.transaction].outcome {
      case .committed:
        if let aborted = lastAborted {
          findings.add(
            .dirtyUpdate, [aborted.transaction, append.transaction],
            "T\(append.transaction) appended \(value) to key \(key) behind \(aborted.value), of "
              + "T\(aborted.transaction), which aborted"
          )
        }
        lastAborted = nil
      case .aborted: lastAborted = (append.transaction, value)
      case .unknown: happened[append.transaction] = true
      }
    }
  }

  /// Holds one read against the key's order and against what became of the writers.
  private mutating func judge(_ read: Read) {
    let (index, key) = (read.transaction, read.key)
    let list = read.list
    if let order = longest[key], !order.starts(with: list.prefix(read.external)) {
      orders[key] = nil
      findings.add(
        .incompatibleOrder, [index],
        "T\(index) read \(list) of key \(key), but another read is \(order): no order of its versions gives both")
    }
    var seen: Set<Int64> = []
    for value in list.prefix(read.external) {
      if !seen.insert(value).inserted {
        findings.add(.duplicateElement, [index], "T\(index) read \(list) of key \(key), with \(value) twice")
      }
      guard let append = appends[Element(key: key, value: value)] else {
        findings.add(.garbageRead, [index], "T\(index) read \(list) of key \(key), but nobody appended \(value)")
        continue
      }
      if history[append.transaction].outcome == .aborted {
        findings.add(
          .abortedRead, [append.transaction, index],
          "T\(index) read \(list) of key \(key), with \(value) of T\(append.transaction), which aborted")
      }
    }
    guard read.external > 0, let append = appends[Element(key: key, value: list[read.external - 1])] else { return }
    if !append.isLast, history[append.transaction].outcome != .aborted {
      findings.add(
        .intermediateRead, [append.transaction, index],
        "T\(index) read \(list) of key \(key), which ends in the middle of T\(append.transaction): "
          + "that one appends more"
      )
    }
  }

  // MARK: What no read shows

  private mutating func findUnseen() {
    /// The read of each key that began last.
    var lastReads: [Int64: Int] = [:]
    for read in reads where history[lastReads[read.key] ?? read.transaction].start <= history[read.transaction].start {
      lastReads[read.key] = read.transaction
    }
    let shown = orders.mapValues { Set($0) }
    for (index, transaction) in history.enumerated() where happened[index] {
      for case .append(let key, let value) in transaction.operations where shown[key]?.contains(value) == false {
        unseen[key, default: []].append((index, value))
        guard let reader = lastReads[key], transaction.endedBefore(history[reader]) else { continue }
        lost.insert(index)
        findings.add(
          .lostAppend, [index, reader],
          "T\(index) appended \(value) to key \(key) and was told so before T\(reader) began, "
            + "which does not see it; nor does anyone"
        )
      }
    }
  }
}
