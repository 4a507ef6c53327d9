import Synchronization

/// What the tablets of one loop have done since the start, for metrics.
package final class TabletCounters: Sendable {
  package struct Values: Sendable {
    /// Entries that leaders here proposed.
    package var entries: UInt64 = 0
    /// Writes and steps of transactions in them: each is one consensus round of its client.
    package var records: UInt64 = 0
    /// Frames of Raft messages to other nodes, and the messages in them.
    package var frames: UInt64 = 0
    package var messages: UInt64 = 0
  }
  private let counted = Mutex(Values())

  package init() {}

  package var values: Values { counted.withLock { $0 } }

  func proposed(records: Int) {
    counted.withLock {
      $0.entries += 1
      $0.records += UInt64(records)
    }
  }

  func sent(messages: Int) {
    counted.withLock {
      $0.frames += 1
      $0.messages += UInt64(messages)
    }
  }
}
