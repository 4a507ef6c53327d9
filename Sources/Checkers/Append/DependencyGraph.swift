/// Who must come before whom, and why.
struct DependencyGraph {
  /// Why one transaction comes before another.
  enum Reason: Hashable {
    /// Its element stands before the other's in the list.
    case writeWrite(key: Int64, before: Int64, after: Int64)
    /// The other saw its element.
    case writeRead(key: Int64, value: Int64)
    /// It did not see the other's element: the anti-dependency.
    case readWrite(key: Int64, unseen: Int64)
    /// Both are of one session.
    case session
    /// It was over before the other began.
    case realTime

    var isAntiDependency: Bool { if case .readWrite = self { true } else { false } }
    var key: Int64? {
      switch self {
      case .writeWrite(let key, _, _), .writeRead(let key, _), .readWrite(let key, _): key
      case .session, .realTime: nil
      }
    }
    fileprivate var rank: Int {
      switch self {
      case .writeWrite: 0
      case .writeRead: 1
      case .readWrite: 2
      case .session: 3
      case .realTime: 4
      }
    }
  }

  struct Edge {
    var from: Int
    var to: Int
    var reason: Reason
  }

  let history: [Transaction]
  /// In order of `from`, each pair with the plainest reasons first.
  let edges: [Edge]
  /// Where the edges of each transaction begin in `edges`; one more than there are transactions.
  let firstEdge: [Int]
  /// The transactions that took effect, latest start first.
  let latestFirst: [Int]

  /// - Parameter realTimeFrom: the weakest level whose transactions get edges of sessions and of real time.
  init(_ lists: ListHistory, realTimeFrom: IsolationLevel) {
    history = lists.history
    var builder = Builder(lists)
    builder.addData()
    let timed = builder.inOrderOfStart.filter { lists.history[$0].isolation >= realTimeFrom }
    builder.addSessions(timed)
    builder.addRealTime(timed)
    edges = builder.edges.sorted { ($0.from, $0.to, $0.reason.rank) < ($1.from, $1.to, $1.reason.rank) }
    latestFirst = builder.inOrderOfStart.reversed()
    var firstEdge = [Int](repeating: 0, count: lists.history.count + 1)
    for edge in edges { firstEdge[edge.from + 1] += 1 }
    for index in lists.history.indices { firstEdge[index + 1] += firstEdge[index] }
    self.firstEdge = firstEdge
  }

  /// Puts the edges together.
  private struct Builder {
    let lists: ListHistory
    var edges: [Edge] = []
    let inOrderOfStart: [Int]

    init(_ lists: ListHistory) {
      self.lists = lists
      inOrderOfStart = lists.history.indices.filter { lists.happened[$0] }
        .sorted { (lists.history[$0].start, $0) < (lists.history[$1].start, $1) }
    }

    private mutating func add(_ from: Int, _ to: Int, _ reason: Reason) {
      guard from != to else { return }
      edges.append(Edge(from: from, to: to, reason: reason))
    }

    /// ww, wr and rw, from the order of each key.
    mutating func addData() {
      // Elements of transactions that aborted are versions of nobody: they are named elsewhere.
      var versions: [Int64: [(place: Int, transaction: Int, value: Int64)]] = [:]
      for key in lists.orders.keys.sorted() {
        var line: [(place: Int, transaction: Int, value: Int64)] = []
        for (place, value) in (lists.orders[key] ?? []).enumerated() {
          guard let append = lists.appends[ListHistory.Element(key: key, value: value)],
            lists.happened[append.transaction]
          else { continue }
          if let last = line.last {
            add(last.transaction, append.transaction, .writeWrite(key: key, before: last.value, after: value))
          }
          line.append((place, append.transaction, value))
        }
        for unseen in lists.unseen[key] ?? [] {
          guard let last = line.last else { break }
          add(last.transaction, unseen.transaction, .writeWrite(key: key, before: last.value, after: unseen.value))
        }
        versions[key] = line
      }
      for read in lists.externalReads where lists.happened[read.transaction] {
        guard let line = versions[read.key] else { continue }
        // The first version that the read does not have.
        var next = line.partitioningIndex { $0.place >= read.count }
        if next > 0 {
          let last = line[next - 1]
          add(last.transaction, read.transaction, .writeRead(key: read.key, value: last.value))
          // A read in the middle of a transaction is named elsewhere; here it counts as if it had seen all of it.
          while next < line.count, line[next].transaction == last.transaction { next += 1 }
        }
        if next < line.count {
          add(read.transaction, line[next].transaction, .readWrite(key: read.key, unseen: line[next].value))
        } else {
          for unseen in lists.unseen[read.key] ?? [] where unseen.transaction != line.last?.transaction {
            add(read.transaction, unseen.transaction, .readWrite(key: read.key, unseen: unseen.value))
          }
        }
      }
    }

    mutating func addSessions(_ transactions: [Int]) {
      var last: [Int: Int] = [:]
      for index in transactions {
        let transaction = lists.history[index]
        if let before = last.updateValue(index, forKey: transaction.session),
          lists.history[before].endedBefore(transaction)
        {
          add(before, index, .session)
        }
      }
    }

    /// "Was over before" without what follows from the rest: each transaction gets an edge from those that were over
    /// when it began, except from those that were over before another of these began.
    mutating func addRealTime(_ transactions: [Int]) {
      let ends = transactions.filter { lists.history[$0].acknowledged != nil }
        .sorted { (lists.history[$0].acknowledged ?? 0, $0) < (lists.history[$1].acknowledged ?? 0, $1) }
      var frontier: [Int] = []
      var ended = ends[...]
      for index in transactions {
        while let next = ended.first, lists.history[next].endedBefore(lists.history[index]) {
          ended.removeFirst()
          frontier.removeAll { lists.history[$0].endedBefore(lists.history[next]) }
          frontier.append(next)
        }
        for before in frontier { add(before, index, .realTime) }
      }
    }
  }
}

extension Array {
  /// The first place whose element satisfies `belongsInSecond`, in an array where all those stand behind the others.
  func partitioningIndex(_ belongsInSecond: (Element) -> Bool) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = low + (high - low) / 2
      if belongsInSecond(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
