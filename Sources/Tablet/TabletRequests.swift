import Coding
import DocStore
import Keys
import Operations
import Values

/// A mutation for one tablet, as its leader gets it.
package struct MutateRequest: Sendable {
  package var tablet: TabletID
  package var id: RequestID
  /// The gateway has its answer for every sequence below this and will not retry it.
  package var floor: UInt64
  package var payload: Payload
  /// Nil for a write that is a transaction of its own.
  package var transaction: TransactionContext?

  package enum Payload: Sendable {
    case rows(TableMutation)
    /// Locks rows and reads them: the rows are the answer's `returned`. Within a transaction only.
    case lock(TableRead, RowLocking)
    /// Documents already made (the catalog's own writes).
    case documents([DocumentWrite])
  }

  package init(
    tablet: TabletID, id: RequestID, floor: UInt64, payload: Payload, transaction: TransactionContext? = nil
  ) {
    self.tablet = tablet
    self.id = id
    self.floor = floor
    self.payload = payload
    self.transaction = transaction
  }
}

extension MutateRequest {
  /// The table whose rows it is about, as the gateway knows it; nil for documents that are no rows.
  var table: (id: TableID, version: UInt32)? {
    switch payload {
    case .documents: nil
    case .rows(let mutation): (mutation.table, mutation.schemaVersion)
    case .lock(let read, _): (read.table, read.schemaVersion)
    }
  }

  /// Where the rows have to be looked for before they can be locked; nil where the request names them.
  package var searchedSelection: KeySelection? {
    switch payload {
    case .documents: nil
    case .lock(let read, _): read.selection
    case .rows(let mutation):
      switch mutation.mutation {
      case .insert, .update(.points, _, _), .delete(.points, _): nil
      case .update(let ranges, _, _), .delete(let ranges, _): ranges
      }
    }
  }
}

/// A read of one tablet's part of a `TableRead`, one batch at a time.
package struct ReadRequest: Sendable {
  package var tablet: TabletID
  package var read: TableRead
  /// Nil on the first batch of a read of one tablet: the leader picks its safe time. Otherwise the statement's time.
  package var time: HybridTime?
  /// Versions after `time` and up to this may be older than the statement in real time: meeting one is an answer
  /// (`uncertain`), see DESIGN §10.5. Equal to `time` where nothing is uncertain any more.
  package var uncertaintyLimit: HybridTime?
  /// Rather than answer `uncertain`, the leader may read as of a later time, up to its safe time: the answer says which.
  package var mayMove: Bool
  /// Where the last batch stopped.
  package var resume: [UInt8]?
  package var maxRows: Int
  package var maxBytes: Int
  /// The reading transaction, if it has written here.
  package var transaction: TransactionReference?

  package init(
    tablet: TabletID, read: TableRead, time: HybridTime?, uncertaintyLimit: HybridTime?, mayMove: Bool = false,
    resume: [UInt8]?, maxRows: Int, maxBytes: Int, transaction: TransactionReference? = nil
  ) {
    self.mayMove = mayMove
    self.transaction = transaction
    self.tablet = tablet
    self.read = read
    self.time = time
    self.uncertaintyLimit = uncertaintyLimit
    self.resume = resume
    self.maxRows = maxRows
    self.maxBytes = maxBytes
  }
}

package struct ReadAnswer: Sendable {
  package var rows: [Row]
  /// Nil at the end.
  package var resume: [UInt8]?
  /// The time that the batch was read at; further batches ask for the same.
  package var time: HybridTime
  /// The rows are the same at every time from `time` to here. Equal to `time` unless the read was allowed to move.
  package var validThrough: HybridTime
  package init(rows: [Row], resume: [UInt8]?, time: HybridTime, validThrough: HybridTime) {
    self.rows = rows
    self.resume = resume
    self.time = time
    self.validThrough = validThrough
  }
}

/// What a tablet's replica says to a request. Everything but `done` and `failed` is for the gateway to act on.
package enum TabletAnswer<Value: Sendable>: Sendable {
  case done(Value)
  /// The statement's own fault or fate; nothing was written.
  case failed(SQLError)
  /// Ask this node, or anybody if nil. Nothing was done.
  case notLeader(hint: NodeID?)
  /// The leader has not settled in, or is too busy: ask again soon. Nothing was done.
  case notReady
  /// This replica knows of no leader, or is one that cannot serve, and its own disk is full, so that it cannot become one:
  /// ask the others. Nothing was done.
  case noRoom
  /// This node has no such tablet: the catalog here or there is behind. Nothing was done.
  case unknownTablet
  /// The table's schema is another one; nothing was done.
  case schemaMismatch(version: UInt32)
  /// It was proposed, and leadership was lost: ask again with the same request id.
  case outcomeUnknown
  /// A version at this time may be in the client's past: read again at this time.
  case uncertain(HybridTime)
}
