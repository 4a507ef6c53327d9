import DocStore
import Keys
import Schema
import Storage
import Synchronization
import Tablet

/// This node's copy of the catalog, kept in step with the catalog tablet's log. Every node has one, so looking something
/// up never asks another node.
package final class CatalogReplica: ApplyObserver, Sendable {
  private struct State {
    var version: UInt64 = 0
    var counters = CatalogCounters.initial
    var nodes: [NodeID: NodeDescriptor] = [:]
    var tables: [TableID: TableDescriptor] = [:]
    var tablets: [TabletID: TabletDescriptor] = [:]
    var sequences: [SequenceKey: Int64] = [:]
    var pending: [TableID: PendingTable] = [:]
    var waiters: [(version: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())
  private let box: CatalogBox
  private let fatal: @Sendable (String) -> Void
  /// Called on the catalog tablet's loop after the snapshot was replaced.
  private let changed: @Sendable (CatalogSnapshot) -> Void

  /// - Parameter fatal: ends the node, for a catalog that cannot be read.
  package init(
    box: CatalogBox, fatal: @escaping @Sendable (String) -> Void, changed: @escaping @Sendable (CatalogSnapshot) -> Void
  ) {
    self.box = box
    self.fatal = fatal
    self.changed = changed
  }

  package var counters: CatalogCounters { state.withLock { $0.counters } }
  package func nextValue(of key: SequenceKey) -> Int64? { state.withLock { $0.sequences[key] } }

  package func applied(_ batches: [[DocumentWrite]]) {
    let before = state.withLock { $0.version }
    state.withLock { state in
      for batch in batches {
        for document in batch { apply(document.documentKey, document.packedRow, to: &state) }
      }
    }
    publish(ifNewerThan: before)
  }

  package func reloaded(from store: any Store) {
    state.withLock { state in
      let waiters = state.waiters
      state = State()
      state.waiters = waiters
      do {
        var cursor = try store.cursor(
          .regular, lower: CatalogRecord.lower, upper: CatalogRecord.upper, pointPrefix: nil)
        var last: [UInt8] = []
        while cursor.isValid {
          // Newest first: later versions of the same document are history.
          if let (document, _, _) = VersionedKey.split(cursor.key), document != last {
            last = document
            let value = cursor.value
            apply(document, value.first == VersionTag.row ? Array(value.dropFirst()) : nil, to: &state)
          }
          try cursor.next()
        }
      } catch {
        fatal("the catalog cannot be read: \(error)")
      }
    }
    publish(ifNewerThan: 0)
  }

  private func apply(_ key: [UInt8], _ value: [UInt8]?, to state: inout State) {
    guard let key = CatalogRecord.Key(decoding: key) else { return }
    do {
      guard let value else {
        switch key {
        case .version, .counters: break
        case .node(let id): state.nodes[id] = nil
        case .table(let id): state.tables[id] = nil
        case .tablet(let id): state.tablets[id] = nil
        case .sequence(let key): state.sequences[key] = nil
        case .pending(let id): state.pending[id] = nil
        }
        return
      }
      switch try CatalogRecord.decode(key: key, value: value) {
      case .version(let version): state.version = version
      case .counters(let counters): state.counters = counters
      case .node(let node): state.nodes[node.id] = node
      case .table(let table): state.tables[table.id] = table
      case .tablet(let tablet): state.tablets[tablet.id] = tablet
      case .sequence(let key, let next): state.sequences[key] = next
      case .pending(let id, let pending): state.pending[id] = pending
      }
    } catch {
      // Going on would deny tables that exist. Other bytes than this program writes mean another version's data.
      fatal("the catalog record \(key) cannot be read (\(error)): was it written by another version?")
    }
  }

  private func publish(ifNewerThan before: UInt64) {
    let (snapshot, ready) = state.withLock { state -> (CatalogSnapshot?, [CheckedContinuation<Void, Never>]) in
      guard state.version > before else { return (nil, []) }
      let snapshot = CatalogSnapshot(
        version: state.version, tables: state.tables, tablets: state.tablets, nodes: state.nodes,
        pending: state.pending)
      let version = state.version
      let ready = state.waiters.filter { $0.version <= version }.map(\.continuation)
      state.waiters.removeAll { $0.version <= version }
      return (snapshot, ready)
    }
    guard let snapshot else { return }
    box.replace(with: snapshot)
    changed(snapshot)
    for continuation in ready { continuation.resume() }
  }

  /// Returns when this node's catalog has reached `version`.
  package func reached(_ version: UInt64) async {
    await withCheckedContinuation { continuation in
      let isReached = state.withLock { state in
        if state.version >= version { return true }
        state.waiters.append((version, continuation))
        return false
      }
      if isReached { continuation.resume() }
    }
  }
}
