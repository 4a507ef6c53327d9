import Keys
import Operations
import Synchronization
import Values

/// What a session does right now, for `pg_stat_activity`. Written by the session, read by any other.
package final class SessionActivity: Sendable {
  package enum State: String, Sendable {
    case active
    case idle
    case idleInTransaction = "idle in transaction"
    case idleInFailedTransaction = "idle in transaction (aborted)"
  }

  /// Times are microseconds since the Unix epoch.
  private struct Moment: Sendable {
    var state = State.idle
    var query = ""
    var queryStart: UInt64?
    var transactionStart: UInt64?
    var stateChange: UInt64
    var applicationName = ""
    var clientAddress: String?
    var changedTable: UInt32?
  }

  package let user: String
  package let database: String
  package let processID: Int32
  package let startMicroseconds: UInt64
  private let state: Mutex<Moment>

  init(facts: SessionFacts, startMicroseconds: UInt64) {
    (user, database, processID) = (facts.user, facts.database, facts.processID)
    self.startMicroseconds = startMicroseconds
    state = Mutex(Moment(stateChange: startMicroseconds))
  }

  package var status: SessionStatus {
    let now = state.withLock { $0 }
    var status = SessionStatus(processID: processID)
    (status.user, status.database, status.applicationName) = (user, database, now.applicationName)
    (status.clientAddress, status.start) = (now.clientAddress, startMicroseconds)
    (status.transactionStart, status.queryStart) = (now.transactionStart, now.queryStart)
    (status.stateChange, status.state) = (now.stateChange, now.state.rawValue)
    status.changedTable = now.changedTable
    let query = now.query.utf8
    if query.count <= SessionStatus.queryBytesMax {
      status.query = now.query
    } else {
      status.query = String(decoding: query.prefix(SessionStatus.queryBytesMax), as: UTF8.self)
    }
    return status
  }

  func began(_ query: String, at time: UInt64, transactionStart: UInt64, applicationName: String) {
    state.withLock { state in
      state.state = .active
      state.query = query
      state.queryStart = time
      state.transactionStart = transactionStart
      state.stateChange = time
      state.applicationName = applicationName
    }
  }

  func becameIdle(_ status: TransactionStatus, at time: UInt64) {
    state.withLock { state in
      switch status {
      case .idle:
        state.state = .idle
        state.transactionStart = nil
      case .inBlock: state.state = .idleInTransaction
      case .failed: state.state = .idleInFailedTransaction
      }
      state.stateChange = time
    }
  }

  /// The session waits for a change of a table's definition to reach everybody; nil: it does no more.
  func changes(_ table: TableID?) { state.withLock { $0.changedTable = table?.rawValue } }

  func attached(_ client: SessionClient) {
    state.withLock { $0.clientAddress = client.address }
  }
}

/// The sessions of one node, by process id, so that one can look at, cancel or end another.
package final class SessionRegistry: Sendable {
  private struct Entry {
    var activity: SessionActivity
    var cancel: @Sendable () -> Void
    var client: SessionClient?
  }
  private let entries = Mutex<[Int32: Entry]>([:])
  /// The indexes that they are building.
  let indexBuilds = IndexBuilds()
  private let restarts = Atomic<UInt64>(0)

  package init() {}

  /// Statements that lost against another transaction and ran again without their clients noticing, since the start.
  package var statementRestarts: UInt64 { restarts.load(ordering: .relaxed) }

  func countRestart() { restarts.add(1, ordering: .relaxed) }

  func add(_ activity: SessionActivity, cancel: @escaping @Sendable () -> Void) {
    entries.withLock { $0[activity.processID] = Entry(activity: activity, cancel: cancel) }
  }

  func attach(_ client: SessionClient, to processID: Int32) {
    entries.withLock { entries in
      entries[processID]?.client = client
      entries[processID]?.activity.attached(client)
    }
  }

  func remove(_ processID: Int32) {
    entries.withLock { $0[processID] = nil }
  }

  /// In order of process id.
  package var statuses: [SessionStatus] {
    entries.withLock { $0.values.map(\.activity) }.map(\.status).sorted { $0.processID < $1.processID }
  }

  /// - Returns: whether there is such a session.
  package func signal(_ signal: SessionSignal, to processID: Int32) -> Bool {
    guard let entry = entries.withLock({ $0[processID] }) else { return false }
    if signal == .terminate {
      entry.client?.end(SQLError(.adminShutdown, "terminating connection due to administrator command"))
    }
    entry.cancel()
    return true
  }
}
