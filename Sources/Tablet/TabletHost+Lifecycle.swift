import Coding
import Keys
import Logging
import Raft
import Runtime
import Schema
import Storage
import WriteAheadLog

extension TabletHost {
  /// What the log gave back for a tablet at start.
  package typealias Recovered = RecoveredGroup

  /// Opens this node's replica of a tablet: new and empty, or as the disk has it.
  ///
  /// A new replica takes part in elections at once; its store is opened meanwhile, so that a new table is soon ready.
  /// - Parameters:
  ///   - learners: the replicas that follow without a vote when the group begins.
  ///   - mayBeLost: the log may have lost every record of this replica, so that nothing recovered means damage.
  ///   - leads: whether it should campaign without waiting for an election timeout (new tablets only).
  package func open(
    _ descriptor: TabletDescriptor, learners: Set<UInt64> = [], recovered: Recovered?, mayBeLost: Bool = false,
    leads: Bool, observer: (any ApplyObserver)?
  ) async throws {
    guard replicas[descriptor.id] == nil, rebuilds[descriptor.id] == nil, !opening.contains(descriptor.id), !isStopped
    else { return }
    guard let own = descriptor.replicas.first(where: { $0.node == environment.node }) else { return }
    if recovered?.isDamaged ?? mayBeLost {
      return try beginRebuild(of: descriptor, own: own, observer: observer)
    }
    let directory = directory(of: descriptor.id)
    if recovered == nil, !environment.runtime.files.exists(directory) {
      let replica = makeReplica(
        descriptor, own: own,
        restored: RestoredState(configuration: Self.configuration(of: descriptor, learners: learners)), store: nil,
        storeName: Self.firstStoreName, meta: nil, observer: observer)
      install(replica, leads: leads)
      let store = try await openStore(at: directory, name: Self.firstStoreName)
      guard replicas[descriptor.id] === replica else { return store.close() }
      replica.store = store
      observer?.reloaded(from: store)
      replica.applyCommitted()
      turns.mark(replica)
      return
    }
    opening.insert(descriptor.id)
    defer { opening.remove(descriptor.id) }
    let name = try currentStoreName(in: directory)
    let store = try await openStore(at: directory, name: name)
    let meta = try store.get(.regular, TabletMeta.key).map { try TabletMeta(decoding: $0) }
    let restored = try restoredState(of: descriptor, learners: learners, recovered: recovered, meta: meta)
    let base = restored.snapshot
    if recovered?.lastIndex ?? 0 < base.index.raw {
      // A checkpoint became the store and the power went before the log heard of it: the log has to go on behind it.
      let mark = SnapshotMark(index: base.index.raw, term: base.term.raw)
      await environment.log.append([.snapshot(group: descriptor.id.rawValue, mark)])
    }
    let replica = makeReplica(
      descriptor, own: own, restored: restored, store: store, storeName: name, meta: meta, observer: observer)
    observer?.reloaded(from: store)
    install(replica, leads: false)
  }

  /// Takes a tablet away from this node, with its data.
  package func remove(_ tablet: TabletID) async {
    if rebuilds[tablet] != nil { return await removeDamaged(tablet) }
    guard let replica = replicas.removeValue(forKey: tablet) else { return }
    replica.isRemoved = true
    replica.abandonOperations()
    let engine = environment.engine
    let files = environment.runtime.files
    let directory = directory(of: tablet)
    let store = replica.store
    let storeName = replica.storeName
    environment.log.append([.groupRemoved(group: tablet.rawValue)], on: loop) {}
    let logger = environment.logger
    await close(store, of: replica)
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      flusher.submit(on: loop) {
        try engine.destroyStore(at: "\(directory)/\(storeName)")
        try files.removeTree(directory)
      } completion: { result in
        if case .failure(let error) = result {
          logger.warning(
            "a dropped tablet's files stay behind", metadata: ["tablet": "\(tablet)", "error": "\(error)"])
        }
        done.resume()
      }
    }
  }

  static var firstStoreName: String { "store-1" }
  private static var currentFile: String { "CURRENT" }

  func directory(of tablet: TabletID) -> String { "\(environment.directory)/\(tablet)" }

  private static func configuration(of descriptor: TabletDescriptor, learners: Set<UInt64>) -> Configuration {
    let members = descriptor.replicas.map(\.replica)
    return Configuration(
      voters: members.filter { !learners.contains($0) }.map { ReplicaID($0) },
      learners: members.filter { learners.contains($0) }.map { ReplicaID($0) })
  }

  func makeReplica(
    _ descriptor: TabletDescriptor, own: ReplicaDescriptor, restored: RestoredState, store: (any Store)?,
    storeName: String, meta: TabletMeta?, observer: (any ApplyObserver)?
  ) -> TabletReplica {
    let raft = RaftGroup(
      id: ReplicaID(own.replica), restored: restored, settings: environment.settings.raft,
      seed: environment.runtime.random.next(), now: environment.runtime.clock.monotonicNanoseconds())
    if let meta { environment.clock.raise(to: meta.time) }
    return TabletReplica(
      descriptor: descriptor, replica: ReplicaID(own.replica), environment: environment, turns: turns,
      observer: observer, raft: raft, store: store, storeName: storeName, appliedTime: meta?.time ?? .zero,
      retries: meta?.retries ?? RetryTable(), ledger: meta?.ledger ?? TransactionLedger())
  }

  func install(_ replica: TabletReplica, leads: Bool) {
    replicas[replica.id] = replica
    if leads { replica.campaign() }
    for (sender, message) in early.removeValue(forKey: replica.id) ?? [] { replica.receive(message, from: sender) }
    turns.mark(replica)
  }

  /// What Raft starts from: the base that the store's meta names, and the log behind it.
  private func restoredState(
    of descriptor: TabletDescriptor, learners: Set<UInt64>, recovered: Recovered?, meta: TabletMeta?
  ) throws -> RestoredState {
    let base = meta?.position ?? .zero
    var entries: [Entry] = []
    for record in recovered?.entries ?? [] { entries.append(try Entry(decoding: record.payload)) }
    if let first = entries.first, first.index <= base.index {
      // The log reaches back before the base. If it disagrees with the base about that entry, the base came from a
      // checkpoint and nothing of this log was committed.
      let offset = Int(base.index.raw - first.index.raw)
      let agrees = offset >= entries.count || entries[offset].position == base
      entries = agrees ? Array(entries.dropFirst(offset + 1)) : []
    }
    if let first = entries.first, first.index != base.index.next {
      throw TabletOpenError.gap(descriptor.id, base: base.index.raw, first: first.index.raw)
    }
    var hardState = try recovered?.hardState.map { try HardState(decoding: $0) } ?? HardState()
    let lastTerm = entries.last?.position.term ?? base.term
    if hardState.term < lastTerm { hardState.term = lastTerm }
    return RestoredState(
      hardState: hardState, snapshot: base,
      configuration: meta?.configuration ?? Self.configuration(of: descriptor, learners: learners),
      entries: entries, applied: base.index)
  }

  func currentStoreName(in directory: String) throws -> String {
    let path = "\(directory)/\(Self.currentFile)"
    guard environment.runtime.files.exists(path) else { return Self.firstStoreName }
    guard let name = String(validating: try environment.runtime.files.read(path), as: UTF8.self),
      name.hasPrefix("store-")
    else { throw TabletOpenError.unreadable(path) }
    return name
  }

  /// Makes `name` the store that the next start opens.
  func replaceCurrentStore(in directory: String, with name: String) throws {
    try environment.runtime.files.replace("\(directory)/\(Self.currentFile)", with: Array(name.utf8))
  }

  /// Opens a store in a tablet's directory. The directory's name is durable before anything in it can be: a power cut
  /// that took the directory would take a flushed store along whose log is already cut.
  func openStore(at directory: String, name: String) async throws -> any Store {
    let engine = environment.engine
    let files = environment.runtime.files
    let parent = environment.directory
    return try await work(on: flusher) {
      // The log may have kept what the directory has not: the last power cut came before it was durable.
      if !files.exists(directory) {
        try files.createDirectory(directory)
        try files.syncDirectory(parent)
      }
      return try engine.openStore(at: "\(directory)/\(name)", options: StoreOptions())
    }
  }

  /// Runs blocking work on a thread and comes back to this loop.
  func work<T: Sendable>(on worker: any BlockingWorker, _ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      worker.submit(on: loop, body) { continuation.resume(with: $0) }
    }
  }
}

/// Why a replica cannot be opened. It takes no part in its group then, so it can do no harm.
package enum TabletOpenError: Error, CustomStringConvertible {
  /// The log lost records of this tablet, and nobody else has it.
  case damaged(TabletID)
  case gap(TabletID, base: UInt64, first: UInt64)
  case unreadable(String)

  package var description: String {
    switch self {
    case .damaged(let tablet):
      "the log lost records of \(tablet), which has no other replica to rebuild this one from; it stays closed"
    case .gap(let tablet, let base, let first):
      "the store of \(tablet) ends at \(base) and its log begins at \(first); its replica here stays closed"
    case .unreadable(let path): "\(path) cannot be read"
    }
  }
}
