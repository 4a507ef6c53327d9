import Checkers

/// A transactional store of one node, too plain to be wrong, driven by a seed: several sessions take turns, one
/// statement at a time, at any isolation level. Some of its answers to `COMMIT` are never heard.
///
/// Rows 1 to 6 hold lists, rows 101 to 106 numbers. One fault can be built in.
struct ModelDatabase {
  enum Fault: CaseIterable, Sendable {
    case readsUncommitted, abortKeepsWrites, ignoresRowLocks, overwritesFromSnapshot, snapshotMoves, skipsReadValidation
    case hidesOwnWrites, readsInThePast, appendsTwice, losesCommits, makesUpElements, tearsCommits, readsBackwards
  }

  private enum Value {
    case list([Int64])
    case number(Int64?)
  }

  private struct Version {
    var time: UInt64
    var value: Value
  }

  private struct Session {
    var number: Int
    var transaction: Transaction
    var statementsLeft: Int
    var snapshot: UInt64?
    var own: [Int64: [Checkers.Operation]] = [:]
    var readKeys: Set<Int64> = []
    var hasBegun = false
    var waits = 0
  }

  private static let lists: ClosedRange<Int64> = 1...6
  private static let numbers: ClosedRange<Int64> = 101...106

  private var random: SeededRandom
  private let levels: [IsolationLevel]
  private let fault: Fault?
  private var now: UInt64 = 1_000
  private var versions: [Int64: [Version]] = [:]
  private var lockedBy: [Int64: Int] = [:]
  private var sessions: [Int: Session] = [:]
  private var sessionNext = 0
  private var valueNext: Int64 = 1
  private var history: [Transaction] = []

  init(seed: UInt64, levels: [IsolationLevel] = IsolationLevel.allCases, fault: Fault? = nil) {
    random = SeededRandom(seed: seed)
    self.levels = levels
    self.fault = fault
  }

  /// Runs so many transactions, and then one that reads every row.
  mutating func run(transactions: Int, clients: Int = 4) -> [Transaction] {
    for _ in 0..<clients { newSession() }
    while history.count < transactions || sessions.values.contains(where: \.hasBegun) {
      let numbers = sessions.keys.sorted()
      let number = numbers[random.below(numbers.count)]
      guard let session = sessions[number] else { continue }
      if history.count >= transactions, !session.hasBegun { continue }
      now += 1 + random.below(5 as UInt64)
      step(number)
    }
    readEverything()
    return history
  }

  // MARK: Sessions

  private mutating func newSession() {
    sessions[sessionNext] = begin(sessionNext)
    sessionNext += 1
  }

  private mutating func begin(_ number: Int) -> Session {
    let level = levels[random.below(levels.count)]
    return Session(
      number: number, transaction: Transaction(session: number, level, start: now + 1, end: nil, []),
      statementsLeft: 1 + random.below(5))
  }

  private mutating func step(_ number: Int) {
    guard var session = sessions[number] else { return }
    if !session.hasBegun { session.transaction.start = now }
    session.hasBegun = true
    if session.statementsLeft > 0 {
      switch statement(&session) {
      case .done: session.statementsLeft -= 1
      case .waits:
        session.waits += 1
        sessions[number] = session
        if session.waits > 8 { finish(session, commits: false) }
        return
      case .conflict:
        finish(session, commits: false)
        return
      }
      sessions[number] = session
    } else {
      finish(session, commits: !random.oneIn(12))
    }
  }

  private mutating func finish(_ session: Session, commits: Bool) {
    var session = session
    let commits = commits && isStillValid(session)
    let isHeard = !random.oneIn(12)
    let happens = commits && (isHeard || random.oneIn(2))
    now += 1
    if happens || (fault == .abortKeepsWrites && !commits) { apply(session) }
    let hasWritten = !session.own.isEmpty
    session.transaction.end = isHeard || !commits ? now + 1 : nil
    session.transaction.outcome =
      commits ? isHeard ? .committed(at: hasWritten ? now : nil) : .unknown : .aborted
    now += 2
    history.append(session.transaction)
    for (key, owner) in lockedBy where owner == session.number { lockedBy[key] = nil }
    sessions[session.number] = nil
    if isHeard || !commits { sessions[session.number] = begin(session.number) } else { newSession() }
  }

  private func isStillValid(_ session: Session) -> Bool {
    guard session.transaction.isolation == .serializable, !session.own.isEmpty, fault != .skipsReadValidation else {
      return true
    }
    return session.readKeys.allSatisfy { (versions[$0]?.last?.time ?? 0) <= session.snapshot ?? 0 }
  }

  private mutating func apply(_ session: Session) {
    if fault == .losesCommits, random.oneIn(4) { return }
    var isTorn = false
    for (key, operations) in session.own.sorted(by: { $0.key < $1.key }) {
      if isTorn, fault == .tearsCommits { continue }
      isTorn = true
      let base =
        fault == .overwritesFromSnapshot ? value(key, at: session.snapshot ?? now) : versions[key]?.last?.value
      var result = Self.applied(operations, to: base ?? Self.empty(key))
      if fault == .appendsTwice, case .list(let list) = result, let last = list.last { result = .list(list + [last]) }
      versions[key, default: []].append(Version(time: now, value: result))
    }
  }

  private mutating func readEverything() {
    now += 10
    var operations: [Checkers.Operation] = []
    for key in Self.lists {
      if case .list(let list)? = value(key, at: now) { operations.append(.readList(key: key, list, at: now)) }
    }
    operations.append(.scan(Self.numbers, rows(at: now), at: now))
    history.append(
      Transaction(session: sessionNext, levels[0], .committed(), start: now, end: now + 1, operations))
  }

  // MARK: Statements

  private enum Answer { case done, waits, conflict }

  private mutating func statement(_ session: inout Session) -> Answer {
    let level = session.transaction.isolation
    var time = level == .readCommitted ? now : session.snapshot ?? now
    if fault == .readsInThePast, session.snapshot == nil { time -= min(80, time) }
    if fault == .snapshotMoves { time = now }
    session.snapshot = level == .readCommitted ? time : session.snapshot ?? time
    let isList = random.oneIn(2)
    let key = isList ? Self.lists.lowerBound + Int64(random.below(6)) : Self.numbers.lowerBound + Int64(random.below(6))
    if random.oneIn(2) {
      session.transaction.operations.append(read(&session, key, isList, time))
      return .done
    }
    if let owner = lockedBy[key], owner != session.number, fault != .ignoresRowLocks { return .waits }
    if level >= .repeatableRead, fault != .ignoresRowLocks, fault != .overwritesFromSnapshot,
      (versions[key]?.last?.time ?? 0) > session.snapshot ?? 0
    {
      return .conflict
    }
    lockedBy[key] = session.number
    let operation: Checkers.Operation
    if isList {
      operation = .append(key: key, valueNext)
    } else {
      switch random.below(4) {
      case 0: operation = .add(key: key, 1_000_000)
      case 1: operation = .write(key: key, nil)
      default: operation = .write(key: key, valueNext)
      }
    }
    valueNext += 1
    session.own[key, default: []].append(operation)
    session.transaction.operations.append(operation)
    return .done
  }

  private mutating func read(_ session: inout Session, _ key: Int64, _ isList: Bool, _ time: UInt64)
    -> Checkers.Operation
  {
    if !isList, random.oneIn(2) {
      session.readKeys.formUnion(Self.numbers)
      var rows: [Int64: Int64] = [:]
      for key in Self.numbers { if case .number(let number?) = seen(session, key, time) { rows[key] = number } }
      return .scan(Self.numbers, rows, at: time)
    }
    session.readKeys.insert(key)
    switch seen(session, key, time) {
    case .number(let number): return .read(key: key, number, at: time)
    case .list(var list):
      if fault == .makesUpElements, random.oneIn(8) { list.append(-valueNext) }
      if fault == .readsBackwards, random.oneIn(8) { list.reverse() }
      return .readList(key: key, list, at: time)
    }
  }

  /// What a session sees of a row: what was committed by then, and over it its own writes.
  private func seen(_ session: Session, _ key: Int64, _ time: UInt64) -> Value {
    var base = value(key, at: time) ?? Self.empty(key)
    if fault == .readsUncommitted {
      for (number, other) in sessions.sorted(by: { $0.key < $1.key }) where number != session.number {
        base = Self.applied(other.own[key] ?? [], to: base)
      }
    }
    return fault == .hidesOwnWrites ? base : Self.applied(session.own[key] ?? [], to: base)
  }

  private func rows(at time: UInt64) -> [Int64: Int64] {
    var rows: [Int64: Int64] = [:]
    for key in Self.numbers { if case .number(let number?)? = value(key, at: time) { rows[key] = number } }
    return rows
  }

  private func value(_ key: Int64, at time: UInt64) -> Value? { versions[key]?.last { $0.time <= time }?.value }

  private static func empty(_ key: Int64) -> Value { lists.contains(key) ? .list([]) : .number(nil) }

  private static func applied(_ operations: [Checkers.Operation], to value: Value) -> Value {
    var value = value
    for operation in operations {
      switch (operation, value) {
      case (.append(_, let element), .list(let list)): value = .list(list + [element])
      case (.write(_, let number), .number): value = .number(number)
      case (.add(_, let amount), .number(let number)): value = .number((number ?? 0) + amount)
      default: break
      }
    }
    return value
  }
}
