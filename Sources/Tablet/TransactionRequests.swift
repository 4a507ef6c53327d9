import DocStore
import Keys
import Operations
import Values

/// What a request within a transaction says of it.
package struct TransactionContext: Hashable, Sendable {
  package var id: TransactionID
  package var isolation: IsolationLevel
  /// The snapshot; nil in `READ COMMITTED` where one tablet alone answers.
  package var readTime: HybridTime?
  /// As in `ReadRequest`.
  package var uncertaintyLimit: HybridTime?
  /// The statement's number: it can be undone together with those behind it.
  package var statement: UInt32
  /// The oldest one that is under way, this one or one that overlaps with it.
  package var oldestRunning: UInt32
  /// The last one that counts in this tablet; 0 for none. What others before `oldestRunning` wrote was taken back, also
  /// where the tablet had not heard of it then.
  package var lastKept: UInt32
  /// What the tablet's leader answered first; nil on the first request. A leader that does not know it has lost the
  /// transaction's locks and writes.
  package var epoch: UInt64?
  /// 0 is no limit of its own.
  package var lockTimeoutMilliseconds: UInt64

  package init(
    id: TransactionID, isolation: IsolationLevel, readTime: HybridTime?, uncertaintyLimit: HybridTime?,
    statement: UInt32, oldestRunning: UInt32, lastKept: UInt32, epoch: UInt64?, lockTimeoutMilliseconds: UInt64
  ) {
    self.oldestRunning = oldestRunning
    self.lastKept = lastKept
    self.id = id
    self.isolation = isolation
    self.readTime = readTime
    self.uncertaintyLimit = uncertaintyLimit
    self.statement = statement
    self.epoch = epoch
    self.lockTimeoutMilliseconds = lockTimeoutMilliseconds
  }
}

/// A read by a transaction that has written to the tablet.
package struct TransactionReference: Hashable, Sendable {
  package var id: TransactionID
  package var epoch: UInt64
  package init(id: TransactionID, epoch: UInt64) {
    self.id = id
    self.epoch = epoch
  }
}

/// The answer to a mutation, with what the gateway has to know of a transaction's part here.
package struct MutateAnswer: Sendable {
  package var result: MutationResult
  /// 0 outside of transactions.
  package var epoch: UInt64
  /// Bytes that the transaction has written here so far.
  package var pendingBytes: Int
  /// Whether the transaction has locked rows here that it has not written.
  package var locksRows: Bool
  /// How many requests of others wanted the rows that it has locked: the tablet where most wait had better let go first.
  package var contenderCount: Int
  /// What is left of a statement that changes very many rows: the gateway asks for it next.
  package var rest: Rest?

  package struct Rest: Hashable, Sendable {
    package var ranges: [KeyRange]
    /// The time as of which rows were looked for.
    package var time: HybridTime
    package init(ranges: [KeyRange], time: HybridTime) {
      self.ranges = ranges
      self.time = time
    }
  }

  package init(
    result: MutationResult, epoch: UInt64 = 0, pendingBytes: Int = 0, locksRows: Bool = false, contenderCount: Int = 0,
    rest: Rest? = nil
  ) {
    self.rest = rest
    self.locksRows = locksRows
    self.result = result
    self.epoch = epoch
    self.pendingBytes = pendingBytes
    self.contenderCount = contenderCount
  }
}

/// A step of a transaction as a whole, for one tablet.
package struct TransactionRequest: Sendable {
  package var tablet: TabletID
  package var transaction: TransactionID
  /// As in `TransactionContext`; steps that everybody may ask for do not look at it.
  package var epoch: UInt64
  package var step: TransactionStep

  package init(tablet: TabletID, transaction: TransactionID, epoch: UInt64, step: TransactionStep) {
    self.tablet = tablet
    self.transaction = transaction
    self.epoch = epoch
    self.step = step
  }
}

package enum TransactionStep: Sendable {
  /// Stages locks and the writes of the statements up to `lastKept`, so that they survive the leader; before that it carries
  /// out what its gateway kept until now. Answers the prepare time.
  case prepare(anchor: TabletID, lastKept: UInt32, late: LateWrites?)
  /// All statements are answered, and the others prepare; this tablet will be asked to commit. Answers nothing.
  case ending(lastKept: UInt32)
  /// Commits: what is written here, and the transaction as a whole if there are `participants`. Answers the commit time.
  case commit(CommitStep)
  /// Whether nobody else changed these rows after `after` and up to `through`. Nobody will, once it is answered.
  case validate([KeySelection], after: HybridTime, through: HybridTime)
  /// Takes back the writes of the statements after `statement`; refuses what is still on its way of those up to `through`.
  case rollBack(to: UInt32, through: UInt32)
  /// The gateway has not committed it and never will.
  case abort
  /// Commits what was staged, at a time.
  case resolve(commitTime: HybridTime)
  /// Every participant has resolved these.
  case forget([TransactionID])
  /// A write outside of transactions is not wanted any more: it stops to wait for locks.
  case withdraw(RequestID)
  /// Whether no transaction needs this tablet any more, whose table was dropped; what is open is given up.
  case drain
  /// Asked of the anchor by who has something staged and does not hear of the transaction.
  case status
}

/// What a transaction writes to a tablet with its prepare, and not before: the tablet may never have heard of it.
package struct LateWrites: Sendable {
  /// Of the prepare as a whole: it is remembered with what it stages, so that a copy of it which comes late, when the
  /// transaction is over here, cannot stage it again.
  package var id: RequestID
  package var floor: UInt64
  /// In this order. Each is a request of a statement of the transaction.
  package var requests: [MutateRequest]

  package init(id: RequestID, floor: UInt64, requests: [MutateRequest]) {
    self.id = id
    self.floor = floor
    self.requests = requests
  }
}

package struct CommitStep: Sendable {
  package var id: RequestID
  package var floor: UInt64
  /// The last statement that counts in this tablet.
  package var lastKept: UInt32
  /// The other tablets that have prepared, sorted; none for a transaction of one tablet.
  package var participants: [TabletID]
  /// The commit time is greater than this.
  package var after: HybridTime
  /// The commit time, where it is decided already: then this tablet has prepared, too.
  package var time: HybridTime?
  /// What a serializable transaction read here, and as of when, where nothing else is to be validated.
  package var readSet: ReadSet?
  /// What is to be written here besides: the catalog's documents, made by the catalog's leader for its own tablet. They
  /// never travel.
  package var documents: [DocumentWrite] = []
  /// Nothing is done (`notReady`) where the commit time would be later: the documents count on it.
  package var timeMax = HybridTime.max

  package struct ReadSet: Sendable {
    package var selections: [KeySelection]
    package var time: HybridTime
    package init(selections: [KeySelection], time: HybridTime) {
      self.selections = selections
      self.time = time
    }
  }

  package init(
    id: RequestID, floor: UInt64, lastKept: UInt32, participants: [TabletID], after: HybridTime,
    time: HybridTime? = nil, readSet: ReadSet? = nil
  ) {
    self.lastKept = lastKept
    self.id = id
    self.floor = floor
    self.participants = participants
    self.after = after
    self.time = time
    self.readSet = readSet
  }
}

package enum TransactionAnswer: Hashable, Sendable {
  case done
  /// The prepare time or the commit time.
  case time(HybridTime)
  case status(TransactionStatus)
  /// A commit needs a prepare before it: some of what the transaction has written is in the store already. Nothing was
  /// done.
  case unprepared
}

/// What the anchor of a transaction knows of it.
package enum TransactionStatus: Hashable, Sendable {
  case committed(HybridTime)
  /// Its gateway may still commit it.
  case pending
  /// It was not committed, and nobody can commit it any more.
  case aborted
}

/// A transaction waits for others, as the tablet's leader sees it. Told to the waiting one's gateway.
package struct WaitReport: Hashable, Sendable {
  package var waiting: TransactionID
  package var blockers: [TransactionID]
  package var tablet: TabletID
  package var table: TableID
  package init(waiting: TransactionID, blockers: [TransactionID], tablet: TabletID, table: TableID) {
    self.waiting = waiting
    self.blockers = blockers
    self.tablet = tablet
    self.table = table
  }
}

extension SQLError {
  /// A write that was refused before anything of it was proposed.
  package static var diskFull: SQLError {
    SQLError(
      .diskFull, "could not write: no space left on device",
      detail: "The disk of the leading replica is full, and no other one takes the lead. Nothing was changed.",
      hint: "Free disk space, and writes go on by themselves.")
  }

  package static func tooManyLocks(_ count: Int) -> SQLError {
    SQLError(
      .outOfMemory, "out of memory for row locks",
      detail: "One transaction may lock \(count) rows of a tablet that it does not change.",
      hint: "Lock fewer rows at a time.")
  }

  /// A leader does not know the transaction (any more): it expired, or the leader is a new one.
  package static var transactionLost: SQLError {
    SQLError(
      .serializationFailure, "could not serialize access: the transaction lost its locks",
      detail: "A tablet's leader changed, or the node that runs the transaction was silent for too long. "
        + "Nothing of the transaction was written.",
      hint: "Run the transaction again.")
  }

  package static func writeConflict(_ table: String) -> SQLError {
    var error = SQLError(
      .serializationFailure, "could not serialize access due to concurrent update",
      detail: "A row of table \"\(table)\" was changed by another transaction after this one's snapshot.",
      hint: "Run the transaction again.")
    error.table = table
    return error
  }

  package static func readConflict(_ table: String) -> SQLError {
    var error = SQLError(
      .serializationFailure,
      "could not serialize access due to read/write dependencies among transactions",
      detail: "Rows of table \"\(table)\" that this transaction read were changed by another one.",
      hint: "Run the transaction again.")
    error.table = table
    return error
  }
}
