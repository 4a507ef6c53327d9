import Runtime

extension WriteAheadLog {
  /// Opens the log in a directory, which is made if it does not exist, and reads it back. A new segment is begun in any
  /// case: nothing is ever appended to a file of an earlier run.
  ///
  /// - Parameters:
  ///   - loop: where the log does its own short work, such as completing appends.
  ///   - onFailure: runs on `loop` when writing or syncing has failed. No append completes from then on; end the node.
  /// - Throws: `WriteAheadLogError` for a log that this node must not touch, `FileError` where files cannot be read or
  ///   written. Damage is no error: it is in the recovery.
  package static func open(
    directory: String, runtime: Runtime, settings: Settings = Settings(), loop: any Loop,
    onFailure: @escaping @Sendable (WriteAheadLogError) -> Void
  ) async throws -> (log: WriteAheadLog, recovered: LogRecovery) {
    let worker = runtime.blocking.makeWorker(named: "write-ahead log")
    return try await withCheckedThrowingContinuation { continuation in
      worker.submit(on: loop) {
        try openBlocking(
          directory: directory, runtime: runtime, settings: settings, loop: loop, worker: worker, onFailure: onFailure)
      } completion: { result in
        if case .failure = result { worker.shutdown() }
        continuation.resume(with: result)
      }
    }
  }

  private static func openBlocking(
    directory: String, runtime: Runtime, settings: Settings, loop: any Loop, worker: any BlockingWorker,
    onFailure: @escaping @Sendable (WriteAheadLogError) -> Void
  ) throws -> (log: WriteAheadLog, recovered: LogRecovery) {
    let files = runtime.files
    try files.createDirectory(directory)
    let replay = try LogReplay(directory: directory, files: files)
    if let cut = replay.cut { try files.truncate(cut.path, to: UInt64(cut.byteCount)) }
    if let last = replay.lastPath {
      // Before the next segment makes this one's tail something that must be whole. Also where nothing was cut: a process
      // that was killed between write and sync leaves bytes that are read back and may still be lost with the power.
      let file = try files.openForAppend(last)
      try file.sync()
      file.close()
    }
    let logID = replay.logID ?? runtime.random.next()
    var catalog = replay.catalog
    if catalog.mayMissGroups { catalog.damage(LogCatalog.unnamedGroups) }
    let writer = try createSegment(
      number: replay.nextSegment, sequence: replay.nextSequence, statements: catalog.restatements, logID: logID,
      directory: directory, files: files)
    catalog.addSegment(writer.segment, byteCount: writer.byteCount)
    let log = WriteAheadLog(
      writer: writer, catalog: catalog, directory: directory, logID: logID, runtime: runtime, settings: settings,
      loop: loop, worker: worker, onFailure: onFailure)

    var recovery = replay.recovery
    recovery.mayMissGroups = catalog.groups[LogCatalog.unnamedGroups] != nil
    recovery.groups[LogCatalog.unnamedGroups] = nil
    for (group, state) in catalog.groups {
      guard let first = state.firstIndex else { continue }
      do {
        recovery.groups[group]?.entries = try log.entries(of: group, from: first, byteCountMax: .max)
      } catch WriteAheadLogError.corrupt {
        // It was intact a moment ago: the disk is failing.
        recovery.groups[group]?.isDamaged = true
        log.markDamaged(group)
      }
    }
    return (log, recovery)
  }

  /// Ends `LogRecovery.mayMissGroups`: every group that the node should have is in the log again.
  package func hasAllGroups() {
    append([.groupRemoved(group: LogCatalog.unnamedGroups)], on: loop) {}
  }

  private func markDamaged(_ group: UInt64) {
    catalog.withLock { $0.damage(group) }
  }
}

extension LogRecord {
  /// About how many bytes it takes in a frame.
  var approximateByteCount: Int {
    switch self {
    case .entries(_, let entries): entries.reduce(24) { $0 + $1.payload.count + 4 }
    case .hardState(_, let state): state.count + 24
    case .snapshot(_, let mark): mark.data.count + 32
    case .truncate, .groupRemoved: 24
    }
  }
}

extension LogCatalog.Run {
  /// The entries of the record that this run is, or begins, if the bytes are intact.
  func entries(in body: [UInt8]) -> [LogEntry]? {
    guard body.count == byteCount, CRC32C.of(body[...]) == crc,
      case .record(.entries(_, let entries))? = try? DecodedRecord(.entries, group: 0, body: body[...])
    else { return nil }
    return entries
  }
}
