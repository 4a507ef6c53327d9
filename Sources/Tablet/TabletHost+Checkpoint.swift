import Coding
import Keys
import Logging
import Raft
import Runtime
import Storage
import WriteAheadLog

/// One checkpoint on its way to one follower.
struct CheckpointKey: Hashable {
  var tablet: TabletID
  var follower: ReplicaID
}

struct OutgoingCheckpoint {
  var directory: String
}

/// Tells a follower which checkpoint to fetch, from whom.
///
/// Format: tablet · sender's node (4) · receiver's replica (8) · name · count of files · for each: name · byte count ·
/// terms of a rebuild behind a presence byte.
package struct CheckpointOffer: Sendable {
  package var tablet: TabletID
  package var source: NodeID
  package var replica: ReplicaID
  package var name: String
  package var files: [StoreFile]
  /// For a damaged replica that asked for it.
  var rebuild: RebuildTerms?

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(tablet.rawValue)
    writer.writeFixed(source.rawValue)
    writer.writeFixed(replica.raw)
    writer.write(name)
    writer.writeArray(files) { writer, file in
      writer.write(file.name)
      writer.writeCount(file.byteCount)
    }
    writer.writeOptional(rebuild) { $1.write(to: &$0) }
    return writer.bytes
  }

  init(
    tablet: TabletID, source: NodeID, replica: ReplicaID, name: String, files: [StoreFile], rebuild: RebuildTerms?
  ) {
    self.tablet = tablet
    self.source = source
    self.replica = replica
    self.name = name
    self.files = files
    self.rebuild = rebuild
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablet = TabletID(try reader.readVarint())
    source = NodeID(try reader.readFixed())
    replica = ReplicaID(try reader.readFixed())
    name = try reader.readString()
    files = try reader.readArray(minimumSize: 2) { reader throws(CodingError) in
      let name = try reader.readString()
      // A name becomes part of a path: nothing that leaves the directory.
      guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else { throw .malformed(what: "file name") }
      return StoreFile(name: name, byteCount: Int(truncatingIfNeeded: min(try reader.readVarint(), 1 << 50)))
    }
    rebuild = try reader.readOptional { reader throws(CodingError) in try RebuildTerms(from: &reader) }
  }
}

/// A request for a piece of a checkpoint's file. The transport guards it with a checksum.
package struct CheckpointChunkRequest: Sendable {
  package var tablet: TabletID
  package var replica: ReplicaID
  package var file: String
  package var offset: UInt64

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(tablet.rawValue)
    writer.writeFixed(replica.raw)
    writer.write(file)
    writer.writeVarint(offset)
    return writer.bytes
  }

  init(tablet: TabletID, replica: ReplicaID, file: String, offset: UInt64) {
    self.tablet = tablet
    self.replica = replica
    self.file = file
    self.offset = offset
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablet = TabletID(try reader.readVarint())
    replica = ReplicaID(try reader.readFixed())
    file = try reader.readString()
    offset = try reader.readVarint()
  }
}

/// Something went wrong while a checkpoint travelled. The leader tries again.
package struct CheckpointError: Error, CustomStringConvertible {
  package var description: String
}

extension TabletHost {
  static var chunkByteCount: Int { 1 << 20 }

  // MARK: At the leader

  /// Makes a checkpoint and tells the follower to fetch it.
  func sendCheckpoint(of tablet: TabletID, to follower: ReplicaID, rebuild: RebuildTerms? = nil) {
    let key = CheckpointKey(tablet: tablet, follower: follower)
    guard checkpoints[key] == nil, let replica = replicas[tablet], let node = replica.nodes[follower] else { return }
    let name = "checkpoint-\(follower.raw)"
    checkpoints[key] = OutgoingCheckpoint(directory: "\(directory(of: tablet))/\(name)")
    loop.spawn { await self.streamCheckpoint(key, node: node, name: name, rebuild: rebuild) }
  }

  private func streamCheckpoint(_ key: CheckpointKey, node: NodeID, name: String, rebuild: RebuildTerms?) async {
    var sent = false
    do {
      guard let replica = replicas[key.tablet], let store = replica.store, let outgoing = checkpoints[key] else {
        return
      }
      guard try replica.saveMeta() != nil else { throw CheckpointError(description: "nothing applied yet") }
      let engine = environment.engine
      let directory = outgoing.directory
      let files = try await work(on: flusher) {
        try engine.destroyStore(at: directory)
        try store.checkpoint(to: directory)
        return try engine.files(at: directory)
      }
      environment.logger.info(
        "sending a checkpoint",
        metadata: ["tablet": "\(key.tablet)", "to": "\(node)", "bytes": "\(files.reduce(0) { $0 + $1.byteCount })"])
      let offer = CheckpointOffer(
        tablet: key.tablet, source: environment.node, replica: key.follower, name: name, files: files,
        rebuild: rebuild)
      _ = try await environment.call(node, .installCheckpoint, offer.encoded(), Self.checkpointTimeout)
      sent = true
    } catch {
      environment.logger.warning(
        "a checkpoint did not arrive",
        metadata: ["tablet": "\(key.tablet)", "to": "\(node)", "error": "\(error)"])
    }
    if let outgoing = checkpoints.removeValue(forKey: key) {
      let engine = environment.engine
      try? await work(on: flusher) { try engine.destroyStore(at: outgoing.directory) }
    }
    guard let replica = replicas[key.tablet] else { return }
    replica.raft.snapshotReport(to: key.follower, sent: sent)
    turns.mark(replica)
  }

  private static var checkpointTimeout: UInt64 { 600_000_000_000 }

  /// A follower asks for a piece of the checkpoint that it was offered.
  package func readCheckpoint(_ request: CheckpointChunkRequest) async throws -> [UInt8] {
    let key = CheckpointKey(tablet: request.tablet, follower: request.replica)
    guard let outgoing = checkpoints[key] else { throw CheckpointError(description: "no such checkpoint here") }
    guard !request.file.contains("/"), !request.file.hasPrefix("."), request.offset <= UInt64(Int.max) else {
      throw CheckpointError(description: "not a file of a checkpoint")
    }
    let engine = environment.engine
    return try await work(on: flusher) {
      try engine.readFile(
        request.file, at: outgoing.directory, offset: Int(request.offset), count: Self.chunkByteCount)
    }
  }

  // MARK: At the follower

  /// Fetches an offered checkpoint and puts it in the place of this replica's store.
  package func installCheckpoint(_ offer: CheckpointOffer) async throws {
    if rebuilds[offer.tablet] != nil { return try await rebuild(from: offer) }
    guard let replica = replicas[offer.tablet], replica.replica == offer.replica, replica.store != nil else {
      throw CheckpointError(description: "no such replica here")
    }
    guard !replica.isInstalling else { throw CheckpointError(description: "another checkpoint is being installed") }
    replica.isInstalling = true
    defer {
      // What was committed meanwhile was left for now, also where the checkpoint did not arrive: nobody else may come by.
      replica.isInstalling = false
      replica.applyCommitted()
      turns.mark(replica)
    }
    try await fetch(offer, into: replica)
  }

  private func fetch(_ offer: CheckpointOffer, into replica: TabletReplica) async throws {
    let engine = environment.engine
    let directory = directory(of: offer.tablet)
    let name = Self.storeName(after: replica.storeName)
    let (store, meta) = try await receive(offer, as: name) { true }
    do {
      guard replicas[offer.tablet] === replica, meta.position.index > replica.raft.appliedIndex else {
        store.close()
        try await work(on: flusher) { try engine.destroyStore(at: "\(directory)/\(name)") }
        return
      }
      try environment.reachedTime.save(meta.time)
      try replaceCurrentStore(in: directory, with: name)
    } catch {
      // Left open, it would stand in the way of every later checkpoint.
      store.close()
      throw error
    }
    let mark = SnapshotMark(index: meta.position.index.raw, term: meta.position.term.raw)
    await environment.log.append([.snapshot(group: offer.tablet.rawValue, mark)])
    let old = replica.store
    let oldPath = "\(directory)/\(replica.storeName)"
    replica.store = store
    replica.storeName = name
    replica.appliedTime = meta.time
    // The sender may have collected as much as this.
    replica.historyCutoff = max(replica.historyCutoff, environment.settings.historyCutoff(asOf: meta.time))
    replica.garbage = GarbageMeter()
    replica.unwritten = nil
    replica.retries = meta.retries
    replica.ledger = meta.ledger
    replica.schemaVersionRequired = nil
    replica.announced = max(replica.announced, meta.position.index)
    environment.clock.raise(to: meta.time)
    replica.raft.snapshotInstalled(
      position: meta.position, configuration: meta.configuration, effects: &replica.effects)
    replica.observer?.reloaded(from: store)
    replica.probe("checkpoint installed")
    environment.logger.info(
      "installed a checkpoint", metadata: ["tablet": "\(offer.tablet)", "index": "\(meta.position.index.raw)"])
    await close(old, of: replica)
    try await work(on: flusher) { try engine.destroyStore(at: oldPath) }
  }

  static func storeName(after name: String) -> String { "store-\(storeNumber(name) + 1)" }

  static func storeNumber(_ name: String) -> Int { Int(name.dropFirst("store-".count)) ?? 1 }

  /// Pulls the files of a checkpoint and opens them as a store beside whatever is there.
  /// - Parameter isWanted: asked between two pieces; it throws once this is false.
  func receive(
    _ offer: CheckpointOffer, as name: String, while isWanted: () -> Bool
  ) async throws -> (store: any Store, meta: TabletMeta) {
    let engine = environment.engine
    let path = "\(directory(of: offer.tablet))/\(name)"
    try await work(on: flusher) { try engine.destroyStore(at: path) }
    for file in offer.files {
      var offset = 0
      repeat {
        let request = CheckpointChunkRequest(
          tablet: offer.tablet, replica: offer.replica, file: file.name, offset: UInt64(offset))
        let chunk = try await environment.call(offer.source, .readCheckpoint, request.encoded(), 30_000_000_000)
        guard !chunk.isEmpty || file.byteCount == 0, offset + chunk.count <= file.byteCount else {
          throw CheckpointError(description: "\(file.name) is not as long as announced")
        }
        guard isWanted() else { throw CheckpointError(description: "the checkpoint is not wanted any more") }
        try await work(on: flusher) { try engine.appendFile(file.name, at: path, bytes: chunk) }
        offset += chunk.count
      } while offset < file.byteCount
    }
    let store = try await work(on: flusher) {
      try engine.finishReceiving(at: path)
      return try engine.openStore(at: path, options: StoreOptions())
    }
    do {
      guard let bytes = try store.get(.regular, TabletMeta.key) else {
        throw CheckpointError(description: "the checkpoint has no meta record")
      }
      return (store, try TabletMeta(decoding: bytes))
    } catch {
      store.close()
      throw error
    }
  }
}
