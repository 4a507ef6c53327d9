import Coding
import Keys
import Logging
import Raft
import Runtime
import Schema
import Storage
import WriteAheadLog

// A damaged replica begins anew. Why this is safe stands on the module's page, "A damaged replica".

/// A replica whose log lost records. It takes no part in its group: no vote, no acknowledgement, no promise.
struct Rebuild {
  var descriptor: TabletDescriptor
  var own: ReplicaDescriptor
  var observer: (any ApplyObserver)?
  /// Drawn after the damage was found: what carries it was made after that.
  var token: UInt64
  var isFetching = false
  var waiters: [CheckedContinuation<Void, Never>] = []
}

/// What the leader tells a damaged replica beside the checkpoint.
///
/// Format: token (8) · term · leader's replica (8) · horizon (8) · barrier.
struct RebuildTerms: Sendable, Hashable {
  /// That of the request.
  var token: UInt64
  /// The term in which the barrier was proposed and committed, and its leader.
  var term: Term
  var leader: ReplicaID
  /// No leader up to this term was ever granted more.
  var horizon: UInt64
  /// An entry that was proposed after the damage was found.
  var barrier: LogIndex

  func write(to writer: inout ByteWriter) {
    writer.writeFixed(token)
    writer.writeVarint(term.raw)
    writer.writeFixed(leader.raw)
    writer.writeFixed(horizon)
    writer.writeVarint(barrier.raw)
  }

  init(token: UInt64, term: Term, leader: ReplicaID, horizon: UInt64, barrier: LogIndex) {
    self.token = token
    self.term = term
    self.leader = leader
    self.horizon = horizon
    self.barrier = barrier
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    token = try reader.readFixed()
    term = Term(try reader.readVarint())
    leader = ReplicaID(try reader.readFixed())
    horizon = try reader.readFixed()
    barrier = LogIndex(try reader.readVarint())
  }
}

/// A damaged replica asks to be rebuilt. Format: tablet · replica (8) · token (8).
package struct RebuildRequest: Sendable {
  package var tablet: TabletID
  package var replica: ReplicaID
  package var token: UInt64

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(tablet.rawValue)
    writer.writeFixed(replica.raw)
    writer.writeFixed(token)
    return writer.bytes
  }

  init(tablet: TabletID, replica: ReplicaID, token: UInt64) {
    self.tablet = tablet
    self.replica = replica
    self.token = token
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablet = TabletID(try reader.readVarint())
    replica = ReplicaID(try reader.readFixed())
    token = try reader.readFixed()
  }
}

extension TabletHost {
  // MARK: At the leader

  /// Commits a barrier and then offers the damaged replica a checkpoint behind it.
  /// - Throws: `CheckpointError` where this replica does not lead, or cannot now: the asker tries elsewhere, or again.
  package func rebuild(_ request: RebuildRequest) async throws {
    guard let replica = replicas[request.tablet], replica.refusal(Void.self) == nil else {
      throw CheckpointError(description: "not the leader")
    }
    let barrier = LogCommand(writes: []).encoded()
    guard case .accepted(let index, let term) = replica.raft.propose([barrier], effects: &replica.effects) else {
      throw CheckpointError(description: "the leader takes no proposal now")
    }
    turns.mark(replica)
    let isApplied = await withCheckedContinuation { replica.catchUps.wait(for: index, $0) }
    // Still the same leadership: what is applied at the index is the barrier.
    guard isApplied, replicas[request.tablet] === replica, replica.raft.role == .leader, replica.raft.term == term
    else {
      throw CheckpointError(description: "leadership was lost")
    }
    let key = CheckpointKey(tablet: request.tablet, follower: request.replica)
    guard checkpoints[key] == nil else { throw CheckpointError(description: "a checkpoint is on its way") }
    sendCheckpoint(
      of: request.tablet, to: request.replica,
      rebuild: RebuildTerms(
        token: request.token, term: term, leader: replica.replica, horizon: replica.raft.knownHorizon, barrier: index))
  }

  // MARK: At the damaged replica

  /// How many of this host's replicas wait to be rebuilt.
  package var rebuildCount: Int { rebuilds.count }

  func beginRebuild(
    of descriptor: TabletDescriptor, own: ReplicaDescriptor, observer: (any ApplyObserver)?
  ) throws {
    guard descriptor.replicas.count > 1 else { throw TabletOpenError.damaged(descriptor.id) }
    let token = environment.runtime.random.next()
    rebuilds[descriptor.id] = Rebuild(descriptor: descriptor, own: own, observer: observer, token: token)
    environment.logger.critical(
      "the log lost records of a replica: it takes no part in its group until it is rebuilt from its peers",
      metadata: ["tablet": "\(descriptor.id)"])
    let tablet = descriptor.id
    loop.spawn { await self.askForRebuild(tablet, token: token) }
  }

  /// Returns when the tablet's replica here is not damaged, or gone.
  package func rebuilt(_ tablet: TabletID) async {
    guard rebuilds[tablet] != nil else { return }
    await withCheckedContinuation { rebuilds[tablet]?.waiters.append($0) }
  }

  private func askForRebuild(_ tablet: TabletID, token: UInt64) async {
    while let rebuild = rebuilds[tablet], rebuild.token == token, !isStopped {
      if !rebuild.isFetching {
        let request = RebuildRequest(tablet: tablet, replica: ReplicaID(rebuild.own.replica), token: token).encoded()
        for peer in rebuild.descriptor.replicas where peer.node != environment.node {
          let answer = try? await environment.call(peer.node, .rebuildReplica, request, 5_000_000_000)
          if answer != nil { break }
        }
      }
      await loop.sleep(nanoseconds: 500_000_000)
    }
  }

  private func isRebuilding(_ tablet: TabletID, token: UInt64) -> Bool {
    rebuilds[tablet]?.token == token && !isStopped
  }

  /// Fetches the checkpoint, makes it this replica's only past, and lets the replica into its group again.
  func rebuild(from offer: CheckpointOffer) async throws {
    guard let rebuild = rebuilds[offer.tablet], let terms = offer.rebuild, terms.token == rebuild.token,
      offer.replica.raw == rebuild.own.replica, !rebuild.isFetching
    else {
      throw CheckpointError(description: "the replica is damaged, and this is not the checkpoint that it asked for")
    }
    rebuilds[offer.tablet]?.isFetching = true
    do {
      try await beginAgain(rebuild, from: offer, terms: terms)
    } catch {
      rebuilds[offer.tablet]?.isFetching = false
      // Removed meanwhile: nobody else cleans up.
      if !isRebuilding(offer.tablet, token: rebuild.token) { await destroyFiles(of: offer.tablet) }
      throw error
    }
  }

  private func beginAgain(_ rebuild: Rebuild, from offer: CheckpointOffer, terms: RebuildTerms) async throws {
    let tablet = offer.tablet
    let directory = directory(of: tablet)
    let old = (try? currentStoreName(in: directory)) ?? Self.firstStoreName
    let name = Self.storeName(after: old)
    let (files, parent) = (environment.runtime.files, environment.directory)
    try await work(on: flusher) {
      try files.createDirectory(directory)
      try files.syncDirectory(parent)
    }
    let (store, meta) = try await receive(offer, as: name) { isRebuilding(tablet, token: rebuild.token) }
    do {
      guard meta.position.index >= terms.barrier, meta.position.term <= terms.term else {
        throw CheckpointError(
          description: "a checkpoint of \(meta.position) is not behind the barrier \(terms.barrier)")
      }
      try environment.reachedTime.save(meta.time)
      try replaceCurrentStore(in: directory, with: name)
    } catch {
      store.close()
      throw error
    }
    // One append, so that a crash leaves either the damage or all of this.
    let hardState = HardState(term: terms.term, vote: terms.leader, horizon: terms.horizon)
    await environment.log.append([
      .groupRemoved(group: tablet.rawValue),
      .snapshot(group: tablet.rawValue, SnapshotMark(index: meta.position.index.raw, term: meta.position.term.raw)),
      .hardState(group: tablet.rawValue, hardState.encoded()),
    ])
    guard isRebuilding(tablet, token: rebuild.token) else {
      store.close()
      throw CheckpointError(description: "the tablet was removed")
    }
    let ended = rebuilds.removeValue(forKey: tablet)
    let replica = makeReplica(
      rebuild.descriptor, own: rebuild.own,
      restored: RestoredState(
        hardState: hardState, snapshot: meta.position, configuration: meta.configuration, applied: meta.position.index),
      store: store, storeName: name, meta: meta, observer: rebuild.observer)
    rebuild.observer?.reloaded(from: store)
    install(replica, leads: false)
    replica.probe("damaged replica rebuilt")
    environment.logger.notice(
      "a damaged replica is rebuilt", metadata: ["tablet": "\(tablet)", "index": "\(meta.position.index.raw)"])
    for waiter in ended?.waiters ?? [] { waiter.resume() }
    let engine = environment.engine
    try? await work(on: flusher) { try Self.destroyStores(through: old, in: directory, engine) }
  }

  /// The catalog has taken away a tablet whose replica here is damaged.
  func removeDamaged(_ tablet: TabletID) async {
    guard let rebuild = rebuilds.removeValue(forKey: tablet) else { return }
    for waiter in rebuild.waiters { waiter.resume() }
    environment.log.append([.groupRemoved(group: tablet.rawValue)], on: loop) {}
    if !rebuild.isFetching { await destroyFiles(of: tablet) }
  }

  /// Also those that an attempt left which a crash ended.
  private static func destroyStores(through last: String, in directory: String, _ engine: any StorageEngine) throws {
    var name = firstStoreName
    try engine.destroyStore(at: "\(directory)/\(name)")
    while name != last, storeNumber(name) < storeNumber(last) {
      name = storeName(after: name)
      try engine.destroyStore(at: "\(directory)/\(name)")
    }
  }

  private func destroyFiles(of tablet: TabletID) async {
    let directory = directory(of: tablet)
    let (engine, files) = (environment.engine, environment.runtime.files)
    let current = (try? currentStoreName(in: directory)) ?? Self.firstStoreName
    do {
      try await work(on: flusher) {
        try Self.destroyStores(through: Self.storeName(after: current), in: directory, engine)
        try files.removeTree(directory)
      }
    } catch {
      environment.logger.warning(
        "a dropped tablet's files stay behind", metadata: ["tablet": "\(tablet)", "error": "\(error)"])
    }
  }
}
