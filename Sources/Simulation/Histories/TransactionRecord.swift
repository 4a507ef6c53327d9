import Checkers
import Operations
import Synchronization

/// What one transaction did and what became of it, written down while it runs: by the node's side, which goes on when the
/// client has lost patience, and by the client's, which alone knows what it was told.
final class TransactionRecord: Sendable {
  private enum Progress {
    /// Nobody has asked for its commit.
    case open
    case committing
    case committed(at: UInt64?)
    case failed
  }

  /// What the client was told.
  enum Reply {
    case committed
    case refused
    case unknown
    case notSent
  }

  private struct State {
    var operations: [Checkers.Operation] = []
    /// Places of reads of locked rows in `READ COMMITTED`: nobody may change these before the commit.
    var locked: Set<Int> = []
    var progress = Progress.open
    var reply: Reply?
    var end: UInt64?
  }

  private let session: Int
  private let isolation: Operations.IsolationLevel
  private let start: UInt64
  private let state = Mutex(State())

  init(session: Int, _ isolation: Operations.IsolationLevel, start: UInt64) {
    self.session = session
    self.isolation = isolation
    self.start = start
  }

  // MARK: The node's side

  /// - Parameter isLocked: whether the row cannot change before the transaction ends.
  func add(_ operation: Checkers.Operation, isLocked: Bool = false) {
    state.withLock { state in
      if isLocked { state.locked.insert(state.operations.count) }
      state.operations.append(operation)
    }
  }

  var count: Int { state.withLock { $0.operations.count } }

  /// What came after the first `count` operations was undone.
  func undo(to count: Int) {
    state.withLock { state in
      state.operations.removeLast(state.operations.count - count)
      state.locked = state.locked.filter { $0 < count }
    }
  }

  func commits() { state.withLock { $0.progress = .committing } }
  func committed(at time: UInt64?) { state.withLock { $0.progress = .committed(at: time) } }

  func failed(_ error: SQLErrorState) {
    state.withLock { state in
      if case .committing = state.progress, error == .outcomeUnknown { return }
      state.progress = .failed
    }
  }

  enum SQLErrorState {
    case outcomeUnknown
    case definite
  }

  // MARK: The client's side

  func answered(_ reply: Reply, at time: UInt64) {
    state.withLock { state in
      state.reply = reply
      state.end = time
    }
  }

  var wasUnknown: Bool { state.withLock { $0.reply == .unknown } }

  /// As a line of a history; nil if nothing was asked. Call it when nothing runs any more.
  var transaction: Checkers.Transaction? {
    state.withLock { state in
      if case .notSent = state.reply { return nil }
      let outcome: Checkers.Transaction.Outcome
      var end: UInt64?
      switch (state.reply, state.progress) {
      case (.committed, .committed(let time)):
        outcome = .committed(at: time)
        end = state.end
      // A client that was told "no" relies on it, whatever the node did.
      case (.refused, _):
        outcome = .aborted
        end = state.end
      case (_, .committed(let time)): outcome = .committed(at: time)
      case (_, .open), (_, .failed): outcome = .aborted
      case (_, .committing): outcome = .unknown
      }
      return Checkers.Transaction(
        session: session, Self.level(isolation), outcome, start: start, end: end,
        operations(of: state, outcome))
    }
  }

  /// Rows that a transaction locked are as it saw them until its commit: just before it, nobody else can have changed them.
  private func operations(of state: State, _ outcome: Checkers.Transaction.Outcome) -> [Checkers.Operation] {
    guard case .committed(let time?) = outcome, isolation == .readCommitted else { return state.operations }
    return state.operations.enumerated().map { place, operation in
      guard state.locked.contains(place) else { return operation }
      return switch operation {
      case .read(let key, let value, _): .read(key: key, value, at: time - 1)
      case .readList(let key, let list, _): .readList(key: key, list, at: time - 1)
      case .append, .write, .add, .scan: operation
      }
    }
  }

  private static func level(_ isolation: Operations.IsolationLevel) -> Checkers.IsolationLevel {
    switch isolation {
    case .readCommitted: .readCommitted
    case .repeatableRead: .repeatableRead
    case .serializable: .serializable
    }
  }
}
