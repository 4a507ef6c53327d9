import Coding
import DocStore
import Keys
import Logging
import Raft
import Storage

extension TabletReplica {
  private static let applyBytesMax = 4 << 20

  /// Brings the store up to what is committed, then answers the operations that were waiting for it.
  func applyCommitted() {
    guard let store, !isInstalling else { return }
    while raft.appliedIndex < announced {
      let entries = raft.entries(from: raft.appliedIndex.next, through: announced, maxBytes: Self.applyBytesMax)
      guard let last = entries.last else { return }
      do {
        let batches = try apply(entries, to: store)
        raft.applied(through: last.index, effects: &effects)
        if !batches.isEmpty { observer?.applied(batches) }
      } catch {
        // Every replica has these bytes, and this one could not apply them: its store or its memory is broken.
        environment.fatal("tablet \(id) cannot apply its log at index \(last.index.raw): \(error)")
        return
      }
      answer(through: last.index)
    }
  }

  /// One atomic batch for all these entries, together with the frontier that it reaches.
  private func apply(_ entries: [Entry], to store: any Store) throws -> [[DocumentWrite]] {
    var batch = WriteBatch()
    var all: [[DocumentWrite]] = []
    for entry in entries {
      guard case .command(let bytes) = entry.payload else { continue }
      let command = try LogCommand(decoding: bytes)
      for write in command.writes {
        precondition(write.time > appliedTime, "tablet \(id): write at \(write.time) after \(appliedTime)")
        appliedTime = write.time
        let outcome = ledger.apply(write)
        if !outcome.documents.isEmpty {
          batch.put(outcome.documents, at: outcome.time)
          if let known = schemaVersionRequired {
            for case let version? in outcome.documents.map({ SchemaFence($0)?.version }) {
              schemaVersionRequired = max(known, version)
            }
          }
          garbage.wrote(outcome.documents)
          all.append(outcome.documents)
        }
        if let ended = outcome.ended { hasEnded.append(ended) }
        retries.record(write.id, floor: write.floor, result: write.result, time: write.time)
      }
    }
    environment.clock.raise(to: appliedTime)
    let last = entries[entries.count - 1]
    try store.write(batch, frontier: frontier(at: last.position, of: store))
    return all
  }

  /// Where a write to the store brings it. A flush may have covered more than the meta record that went before it; then
  /// entries are applied again after a restart to a store that is ahead of them, and it stays ahead.
  func frontier(at position: LogPosition, of store: any Store) -> Frontier {
    let reached = Frontier(index: position.index.raw, term: position.term.raw, hybridTime: appliedTime)
    return store.appliedFrontier.map { max($0, reached) } ?? reached
  }

  private func answer(through index: LogIndex) {
    let ended = hasEnded
    hasEnded = []
    for transaction in ended { letGo(of: transaction) }
    while let first = inFlight.first, first.index <= index.raw {
      inFlight.removeFirst()
      for operation in first.operations {
        switch operation {
        case .write(let write): complete(write, write.answer)
        case .step(let step): applied(step)
        }
      }
    }
  }
}
