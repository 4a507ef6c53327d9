import Coding
import DocStore
import Keys
import Logging
import Raft
import Storage

extension TabletReplica {
  private static let applyBytesMax = 4 << 20

  /// Brings the store up to what is committed, then answers the operations that were waiting for it. Where that is much,
  /// the rest is left for the next turn, so that the loop sees to everything else in between.
  func applyCommitted() {
    guard let store, !isInstalling else { return }
    var batchCount = 0
    while raft.appliedIndex < announced {
      guard batchCount < environment.settings.appliedBatchesMax else {
        probe("what is committed is applied in several turns")
        isBehind = true
        return turns.mark(self)
      }
      batchCount += 1
      let entries: AppliedEntries
      if let unwritten {
        entries = unwritten
      } else {
        let next = raft.entries(from: raft.appliedIndex.next, through: announced, maxBytes: Self.applyBytesMax)
        guard let last = next.last else { return }
        do { entries = try digest(next, into: store) } catch {
          return environment.fatal("tablet \(id) cannot read its log up to index \(last.index.raw): \(error)")
        }
      }
      do {
        // Much of what transactions put into the log changes no row. That the store's frontier stays behind then does no harm:
        // what is applied again after a crash begins at the position of `TabletMeta`, and comes to the same.
        if !entries.batch.isEmpty { try store.write(entries.batch, frontier: frontier(at: entries.last, of: store)) }
      } catch StorageError.noSpace {
        // Retries, ledger and time are ahead of the store meanwhile: nobody may save them.
        probe("full disk holds up a store")
        unwritten = entries
        storeIsFull = true
        return
      } catch {
        // Every replica has these bytes, and this one could not apply them: its store is broken.
        return environment.fatal("tablet \(id) cannot apply its log at index \(entries.last.index.raw): \(error)")
      }
      if unwritten != nil {
        unwritten = nil
        storeIsFull = false
      }
      raft.applied(through: entries.last.index, effects: &effects)
      if !entries.documents.isEmpty { observer?.applied(entries.documents) }
      answer(through: entries.last.index)
    }
    isBehind = false
  }

  /// What committed entries do to the store, in one atomic batch.
  struct AppliedEntries {
    var batch: WriteBatch
    var documents: [[DocumentWrite]]
    var last: LogPosition
  }

  /// Takes the first of the entries into what is kept beside the store, and makes the batch for it: as many of them as
  /// need not see in the store what others of them have changed.
  private func digest(_ entries: [Entry], into store: any Store) throws -> AppliedEntries {
    var batch = WriteBatch()
    var all: [[DocumentWrite]] = []
    var last = entries[0].position
    /// Transactions whose intents the batch changes.
    var changed: Set<TransactionID> = []
    for entry in entries {
      guard case .command(let bytes) = entry.payload else {
        last = entry.position
        continue
      }
      let command = try LogCommand(decoding: bytes)
      if command.writes.contains(where: { $0.effect.resolvesIntents(ofOneOf: changed) }) { break }
      last = entry.position
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
        if let spilled = outcome.spilled {
          batch.put(spilled.intents, mark: spilled.mark)
          garbage.wrote(spilled.intents.map(\.document))
        }
        if let resolution = outcome.resolution {
          precondition(
            !write.effect.resolvesIntents(ofOneOf: changed), "an entry resolves intents that it changes itself")
          garbage.wrote(
            try batch.resolve(
              resolution.writes, in: resolution.range, at: resolution.commitTime, reading: store))
        }
        if let transaction = write.effect.transactionOfIntents { changed.insert(transaction) }
        if let ended = outcome.ended { hasEnded.append(ended) }
        retries.record(write.id, floor: write.floor, result: write.result, time: write.time)
      }
    }
    environment.clock.raise(to: appliedTime)
    return AppliedEntries(batch: batch, documents: all, last: last)
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
    unapplied.applied(through: index.raw)
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
    answerLate(through: index.raw)
  }
}
