import Operations
import SQL
import Synchronization

/// What a client must show to cancel another connection's statement (message BackendKeyData).
package struct CancelKey: Hashable, Sendable {
  /// `ProcessID` says what its bits are.
  package var processID: Int32
  package var secret: UInt32

  package init(processID: Int32, secret: UInt32) {
    self.processID = processID
    self.secret = secret
  }

  static let connectionBits = ProcessID.connectionBits
  static let connectionMask: Int32 = (1 << connectionBits) - 1

  /// The node that gave this key out.
  package var nodeNumber: UInt16 { UInt16(truncatingIfNeeded: UInt32(bitPattern: processID) >> Self.connectionBits) }
}

/// The sessions of this node by process id, for cancel requests, which come on connections of their own.
package final class CancelKeys: Sendable {
  private struct Entry {
    var secret: UInt32
    var session: (any Session)?
  }
  private struct Table {
    var entries: [Int32: Entry] = [:]
    var last: Int32 = 0
  }
  private let table = Mutex(Table())
  private let nodeNumber: UInt16

  /// - Parameter nodeNumber: 0…2047.
  package init(nodeNumber: UInt16) {
    precondition(nodeNumber < 2048, "node number \(nodeNumber) does not fit into a process id")
    self.nodeNumber = nodeNumber
  }

  /// A process id that no connection has, or nil when all 2²⁰ − 1 are taken.
  package func reserve(secret: UInt32) -> CancelKey? {
    table.withLock { table in
      guard table.entries.count < CancelKey.connectionMask else { return nil }
      let node = Int32(nodeNumber) << CancelKey.connectionBits
      repeat {
        // Never 0, and a number comes back only when all others have been used.
        table.last = table.last == CancelKey.connectionMask ? 1 : table.last + 1
      } while table.entries[node | table.last] != nil
      table.entries[node | table.last] = Entry(secret: secret)
      return CancelKey(processID: node | table.last, secret: secret)
    }
  }

  package func attach(_ session: any Session, to key: CancelKey) {
    table.withLock { $0.entries[key.processID]?.session = session }
  }

  package func release(_ key: CancelKey) {
    table.withLock { $0.entries[key.processID] = nil }
  }

  package func isOwn(_ key: CancelKey) -> Bool { key.nodeNumber == nodeNumber }

  /// Cancels what the key's session runs. A wrong key does nothing, and takes as long as a right one: the secrets are
  /// compared as whole words.
  /// - Returns: whether the key was right.
  @discardableResult
  package func cancel(_ key: CancelKey) -> Bool {
    let entry = table.withLock { $0.entries[key.processID] }
    guard let entry, entry.secret ^ key.secret == 0, let session = entry.session else { return false }
    session.cancel()
    return true
  }
}
