/// One entry of a group's Raft log.
package struct LogEntry: Hashable, Sendable {
  package var index: UInt64
  package var term: UInt64
  package var payload: [UInt8]

  package init(index: UInt64, term: UInt64, payload: [UInt8]) {
    self.index = index
    self.term = term
    self.payload = payload
  }
}

/// Everything up to here is in a snapshot; the log goes on behind it.
package struct SnapshotMark: Hashable, Sendable {
  package var index: UInt64
  package var term: UInt64
  /// What else the group wants to keep with it, such as its membership.
  package var data: [UInt8]

  package init(index: UInt64, term: UInt64, data: [UInt8] = []) {
    self.index = index
    self.term = term
    self.data = data
  }
}

/// A change of one group's durable state. `append` makes a list of them durable together, in their order.
package enum LogRecord: Hashable, Sendable {
  /// Entries with ascending indexes without gaps, not empty. They replace whatever the group had from the first index on,
  /// and may not leave a gap to what it has before.
  case entries(group: UInt64, [LogEntry])
  /// The entries from this index on are gone.
  case truncate(group: UInt64, from: UInt64)
  /// Term, vote and what else Raft must not forget, as the group encodes it; replaces the earlier one.
  case hardState(group: UInt64, [UInt8])
  /// The entries up to the mark are gone. If the log ended before the mark, it now starts right behind it.
  case snapshot(group: UInt64, SnapshotMark)
  /// The group has left this node, with all that it had. The same number may start again from nothing.
  case groupRemoved(group: UInt64)

  package var group: UInt64 {
    switch self {
    case .entries(let group, _), .truncate(let group, _), .hardState(let group, _), .snapshot(let group, _),
      .groupRemoved(let group):
      group
    }
  }
}

/// What the log holds of one group when it is opened.
package struct RecoveredGroup: Hashable, Sendable {
  /// `nil` if the group never saved one.
  package var hardState: [UInt8]?
  package var snapshot: SnapshotMark?
  /// Ascending, without gaps, up to `lastIndex`. They may begin before what the engine has flushed; if no more than that
  /// was ever released, they go on from there without a gap.
  package var entries: [LogEntry] = []
  /// The last index of the log, also where its entries are released and gone already; 0 for an empty log.
  package var lastIndex: UInt64 = 0
  /// Records of this group have been synced and cannot be read any more. It must not vote nor serve from what is left:
  /// rebuild it from its peers. A `groupRemoved` ends the damage.
  package var isDamaged = false

  package init() {}
}

/// What `open` found.
package struct LogRecovery: Sendable {
  /// A place in the log that was durable once and cannot be read.
  package struct Damage: Hashable, Sendable, CustomStringConvertible {
    package var segment: UInt64
    package var offset: Int
    package var reason: String
    /// The groups that lost records there; `nil` where it cannot be known, so that every group counts as damaged.
    package var groups: [UInt64]?
    package var description: String {
      let whom = groups.map { "groups \($0)" } ?? "every group"
      return "segment \(segment) offset \(offset): \(reason); damaged: \(whom)"
    }
  }

  package var groups: [UInt64: RecoveredGroup] = [:]
  /// In the order of the log.
  package var damage: [Damage] = []
  /// A group that the node should have and that is missing in `groups` may have lost all of its records: it counts as
  /// damaged. Holds at every start until `hasAllGroups` is called.
  package var mayMissGroups = false
  /// Bytes at the end that were never acknowledged and have been cut off.
  package var tornBytes = 0

  package init() {}
}
