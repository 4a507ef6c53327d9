import Coding
import Keys

/// What a session does right now, for `pg_stat_activity`. Times are microseconds since the Unix epoch.
package struct SessionStatus: Hashable, Sendable {
  package var processID: Int32
  package var user = ""
  package var database = ""
  package var applicationName = ""
  package var clientAddress: String?
  package var start: UInt64 = 0
  package var transactionStart: UInt64?
  package var queryStart: UInt64?
  package var stateChange: UInt64 = 0
  /// PostgreSQL's word: `active`, `idle`, `idle in transaction`, …
  package var state = ""
  /// The first `queryBytesMax` of it.
  package var query = ""
  /// The table whose definition it is changing, while that waits for all nodes, and for those that have written to it.
  package var changedTable: UInt32?

  /// As PostgreSQL's `track_activity_query_size`.
  package static let queryBytesMax = 1024

  package init(processID: Int32) { self.processID = processID }

  package func write(to writer: inout ByteWriter) {
    writer.writeVarint(UInt64(UInt32(bitPattern: processID)))
    for text in [user, database, applicationName, state, query] { writer.write(text) }
    writer.writeOptional(clientAddress) { $0.write($1) }
    for time in [start, stateChange] { writer.writeVarint(time) }
    for time in [transactionStart, queryStart] { writer.writeOptional(time) { $0.writeVarint($1) } }
    writer.writeOptional(changedTable) { $0.writeVarint(UInt64($1)) }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    processID = Int32(bitPattern: try reader.readNarrow())
    user = try reader.readString()
    database = try reader.readString()
    applicationName = try reader.readString()
    state = try reader.readString()
    query = try reader.readString()
    clientAddress = try reader.readOptional { reader throws(CodingError) in try reader.readString() }
    start = try reader.readVarint()
    stateChange = try reader.readVarint()
    transactionStart = try reader.readOptional { reader throws(CodingError) in try reader.readVarint() }
    queryStart = try reader.readOptional { reader throws(CodingError) in try reader.readVarint() }
    changedTable = try reader.readOptional { reader throws(CodingError) in try reader.readNarrow() }
  }
}

/// What one session can do to another.
package enum SessionSignal: UInt8, Hashable, Sendable {
  /// Stops what it runs (`pg_cancel_backend`).
  case cancel = 1
  /// Also ends its connection (`pg_terminate_backend`).
  case terminate = 2
}

/// Process ids are unique over the cluster: bits 30…20 are the node's number, bits 19…0 the connection within it.
package enum ProcessID {
  package static let connectionBits: Int32 = 20

  /// The node whose session has this process id.
  package static func node(of processID: Int32) -> NodeID {
    NodeID(UInt32(bitPattern: processID) >> UInt32(connectionBits))
  }
}
