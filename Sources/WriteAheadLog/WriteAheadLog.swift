import DequeModule
import Runtime
import Synchronization

/// The one log of a node, shared by all of its Raft groups (DESIGN §7).
///
/// `append` queues; a thread of the log's own takes all that is queued, writes it as one frame, syncs once and completes
/// everybody: group commit without a timer, for what arrives during a sync is the next frame.
///
/// Calls may come from any thread.
package final class WriteAheadLog: Sendable {
  /// One call of `append`.
  private struct Append {
    var records: [LogRecord]
    var byteCount: Int
    var loop: any Loop
    var completion: @Sendable () -> Void
  }

  /// What has been appended and not yet written.
  private struct Queue {
    enum State { case open, closed, failed }
    var state = State.open
    var appends: Deque<Append> = []
    var byteCount = 0
    /// A job that will take what is queued is on its way to the worker, or will be when a full disk is tried again.
    var isScheduled = false
    /// Since when the disk takes no more, in monotonic nanoseconds; appends wait meanwhile.
    var fullSince: UInt64?
    /// A timer will try a full disk again.
    var isRetryDue = false
  }

  /// The file that is being written. Only the worker takes this lock, and `close`.
  struct Writer {
    var file: any AppendFile
    var byteCount: Int
    var segment: UInt64
    var nextSequence: UInt64
    /// Up to here the file has its place on the disk.
    var reservedThrough = 0
  }

  private let queue = Mutex(Queue())
  let writer: Mutex<Writer>
  let catalog: Mutex<LogCatalog>
  private let counters = Mutex(WriteAheadLogMetrics())
  let directory: String
  let logID: UInt64
  let settings: Settings
  let runtime: Runtime
  let loop: any Loop
  private let worker: any BlockingWorker
  private let onFailure: @Sendable (WriteAheadLogError) -> Void

  /// Knobs, each with the range that a simulation draws from.
  package struct Settings: Sendable {
    /// A segment that has reached this size is followed by a new one. Simulated: 4 to 64 KiB.
    package var segmentBytes = 64 << 20
    /// A frame takes no further records once it has this many bytes, so that one sync does not get too long.
    /// Simulated: 1 to 64 KiB.
    package var frameBytes = 4 << 20
    /// How much room behind its end a segment is given at a time; 0 for none. A sync that need not write the file's length
    /// takes about half as long. Simulated: 0 to 8 KiB.
    package var reserveBytes = 1 << 20
    /// How long to wait before a full disk is tried again.
    package var fullRetryNanoseconds: UInt64 = 500_000_000

    package init() {}

    /// Settings small enough for everything to happen in a short run.
    package static func simulated(by random: any RandomSource) -> Settings {
      var settings = Settings()
      settings.segmentBytes = 4096 << Int(random.next() % 5)
      settings.frameBytes = 1024 << Int(random.next() % 7)
      settings.reserveBytes = random.next() % 3 == 0 ? 0 : 512 << Int(random.next() % 5)
      return settings
    }
  }

  init(
    writer: Writer, catalog: LogCatalog, directory: String, logID: UInt64, runtime: Runtime, settings: Settings,
    loop: any Loop, worker: any BlockingWorker, onFailure: @escaping @Sendable (WriteAheadLogError) -> Void
  ) {
    self.writer = Mutex(writer)
    self.catalog = Mutex(catalog)
    self.directory = directory
    self.logID = logID
    self.runtime = runtime
    self.settings = settings
    self.loop = loop
    self.worker = worker
    self.onFailure = onFailure
  }

  // MARK: Appending

  /// Makes records durable, all of them or none. Appends become durable in the order of the calls.
  ///
  /// - Parameters:
  ///   - loop: where `completion` runs.
  ///   - completion: runs once the records are on stable storage, after those of all earlier appends. It never runs if
  ///     that failed: then `onFailure` ends the node.
  package func append(
    _ records: [LogRecord], on loop: any Loop, completion: @escaping @Sendable () -> Void
  ) {
    let byteCount = records.reduce(0) { $0 + $1.approximateByteCount }
    precondition(byteCount < Frame.byteCountMax / 2, "\(byteCount) bytes are too many for one append")
    let mustSchedule = queue.withLock { queue in
      guard queue.state == .open else { return false }
      queue.appends.append(Append(records: records, byteCount: byteCount, loop: loop, completion: completion))
      queue.byteCount += byteCount
      defer { queue.isScheduled = true }
      return !queue.isScheduled
    }
    if mustSchedule { schedule() }
  }

  /// Makes records durable, all of them or none; returns once they are. Never returns if that fails.
  package func append(_ records: [LogRecord]) async {
    // A checked continuation would complain about the one that a failed log never resumes.
    await withUnsafeContinuation { continuation in
      append(records, on: loop) { continuation.resume() }
    }
  }

  private func schedule() {
    worker.submit(on: loop) { [self] in
      try writeQueued()
    } completion: { [self] result in
      switch result {
      case .success(let appends): complete(appends)
      case .failure(let error): fail(error)
      }
    }
  }

  /// On the worker: one frame, one sync.
  private func writeQueued() throws -> [Append] {
    let appends = takeQueued()
    let records = appends.flatMap(\.records)
    if records.isEmpty { return appends }
    let started = runtime.clock.monotonicNanoseconds()
    let written = try writer.withLock { writer -> Int? in
      if writer.byteCount >= settings.segmentBytes, try !startSegment(&writer) { return nil }
      return try write(records, &writer)
    }
    guard let byteCount = written else {
      holdBack(appends, now: started)
      return []
    }
    diskHasRoom()
    let nanoseconds = runtime.clock.monotonicNanoseconds() &- started
    counters.withLock {
      $0.count(appends: appends.count, records: records.count, bytes: byteCount, nanoseconds: nanoseconds)
    }
    reclaim()
    return appends
  }

  /// The appends of the next frame. If some are left, another job is scheduled for them.
  private func takeQueued() -> [Append] {
    let (taken, isMoreLeft) = queue.withLock { queue in
      var taken: [Append] = []
      var byteCount = 0
      if queue.state != .failed {
        while byteCount < settings.frameBytes, let append = queue.appends.popFirst() {
          byteCount += append.byteCount
          taken.append(append)
        }
      }
      queue.byteCount -= byteCount
      queue.isScheduled = !queue.appends.isEmpty
      return (taken, queue.isScheduled && queue.fullSince == nil)
    }
    if isMoreLeft { schedule() }
    return taken
  }

  // MARK: A full disk

  /// Since when the disk has no room for what was appended, in monotonic nanoseconds; nil if it has. Appends complete
  /// when there is room again.
  package var fullSince: UInt64? { queue.withLock(\.fullSince) }

  /// On the worker: the appends come first again, and are tried again after a while. As nothing was synced, nothing is
  /// unknown about the file, unlike after a sync that failed.
  private func holdBack(_ appends: [Append], now: UInt64) {
    let mustWait = queue.withLock { queue in
      queue.appends.prepend(contentsOf: appends)
      queue.byteCount += appends.reduce(0) { $0 + $1.byteCount }
      queue.fullSince = queue.fullSince ?? now
      queue.isScheduled = true
      defer { queue.isRetryDue = true }
      return !queue.isRetryDue
    }
    guard mustWait else { return }
    loop.schedule(after: settings.fullRetryNanoseconds) { [self] in
      queue.withLock { $0.isRetryDue = false }
      schedule()
    }
  }

  private func diskHasRoom() {
    let mustSchedule = queue.withLock { queue in
      defer { queue.fullSince = nil }
      return queue.fullSince != nil && !queue.appends.isEmpty
    }
    if mustSchedule { schedule() }
  }

  /// A part of a frame may have been written, for which there was no room: the file ends before it again.
  private func cutBack(_ writer: inout Writer) throws(FileError) {
    let path = "\(directory)/\(SegmentHeader.fileName(writer.segment))"
    writer.file.close()
    do {
      try runtime.files.truncate(path, to: UInt64(writer.byteCount))
      writer.file = try runtime.files.openForAppend(path)
      writer.reservedThrough = 0
    } catch {
      stop()
      throw error
    }
  }

  // MARK: Frames and segments

  /// - Returns: the bytes of the frame; nil if the disk is full and the file as it was.
  private func write(_ records: [LogRecord], _ writer: inout Writer) throws(FileError) -> Int? {
    let objection = catalog.withLock { $0.objection(to: records) }
    precondition(objection == nil, objection ?? "")
    let encoded = records.map { EncodedRecord($0) }
    let (bytes, items) = Frame.encode(
      encoded, logID: logID, sequence: writer.nextSequence, offset: writer.byteCount)
    reserve(bytes.count, &writer)
    do {
      try writer.file.append(bytes)
    } catch {
      if error.isOutOfSpace {
        try cutBack(&writer)
        return nil
      }
      stop()
      throw error
    }
    do {
      try writer.file.sync()
    } catch {
      stop()
      throw error
    }
    writer.byteCount += bytes.count
    writer.nextSequence += 1
    catalog.withLock { catalog in
      for (record, item) in zip(records, items) { catalog.apply(record, at: item) }
      catalog.setByteCount(writer.byteCount)
    }
    return bytes.count
  }

  /// Makes room in the file for a frame and more to come. Where there is none, the frame is written all the same, or not.
  private func reserve(_ byteCount: Int, _ writer: inout Writer) {
    let end = writer.byteCount + byteCount
    guard settings.reserveBytes > 0, end > writer.reservedThrough else { return }
    writer.reservedThrough = end + settings.reserveBytes
    try? writer.file.reserve(byteCount + settings.reserveBytes)
  }

  /// Ends the current segment and begins the next one.
  /// - Returns: whether there was room for it.
  private func startSegment(_ writer: inout Writer) throws(FileError) -> Bool {
    let statements = catalog.withLock(\.restatements)
    let next: Writer
    do {
      next = try Self.createSegment(
        number: writer.segment + 1, sequence: writer.nextSequence, statements: statements, logID: logID,
        directory: directory, files: runtime.files)
    } catch {
      // The file gets its name when it is complete and synced, so there is none, or it is replaced the next time.
      if error.isOutOfSpace { return false }
      stop()
      throw error
    }
    writer.file.close()
    writer = next
    catalog.withLock { $0.addSegment(next.segment, byteCount: next.byteCount) }
    return true
  }

  /// Makes the file of a segment that starts with what `statements` say, durable together with its name.
  static func createSegment(
    number: UInt64, sequence: UInt64, statements: [(group: UInt64, statement: Restatement)], logID: UInt64,
    directory: String, files: any FileSystem
  ) throws(FileError) -> Writer {
    let path = "\(directory)/\(SegmentHeader.fileName(number))"
    let header = SegmentHeader(logID: logID, number: number, firstSequence: sequence)
    let frame = Frame.encode(
      statements.map { EncodedRecord(group: $0.group, $0.statement) }, logID: logID, sequence: sequence,
      offset: SegmentHeader.byteCount)
    try files.replace(path, with: header.encoded + frame.bytes)
    return Writer(
      file: try files.openForAppend(path), byteCount: SegmentHeader.byteCount + frame.bytes.count, segment: number,
      nextSequence: sequence + 1)
  }

  /// On the log's loop: all appends of a frame in their order, each loop woken once.
  private func complete(_ appends: [Append]) {
    var rest = appends[...]
    while let first = rest.first {
      let run = rest.prefix { $0.loop === first.loop }
      rest = rest.dropFirst(run.count)
      if first.loop === loop {
        for append in run { append.completion() }
      } else {
        first.loop.execute { for append in run { append.completion() } }
      }
    }
  }

  /// On the worker, at the first failure: from here on nothing is written and nobody is completed.
  private func stop() {
    queue.withLock { queue in
      queue.state = .failed
      queue.appends.removeAll()
    }
  }

  private func fail(_ error: any Error) {
    if let error = error as? FileError { onFailure(WriteAheadLogError(error)) }
  }

  // MARK: Reading

  /// Entries of a group from `index` on, at least one and no more than about `byteCountMax` bytes; empty if the log does
  /// not hold that entry (any more, or yet). Blocks: call on a worker.
  ///
  /// - Throws: `corrupt` if the bytes cannot be read back, or the error of the file system.
  package func entries(of group: UInt64, from index: UInt64, byteCountMax: Int) throws -> [LogEntry] {
    var entries: [LogEntry] = []
    var byteCount = 0
    var next = index
    while let run = catalog.withLock({ $0.run(of: group, holding: next) }) {
      let path = "\(directory)/\(SegmentHeader.fileName(run.segment))"
      let body: [UInt8]
      do {
        body = try runtime.files.read(path, offset: UInt64(run.offset), count: run.byteCount)
      } catch {
        // The segment may have been deleted meanwhile, and its entries are needed by nobody.
        if error.isMissingFile && catalog.withLock({ $0.run(of: group, holding: next) }) != run { return entries }
        throw error
      }
      guard let found = run.entries(in: body) else { throw WriteAheadLogError.corrupt(group: group, index: next) }
      for entry in found where entry.index >= next && entry.index <= run.lastIndex {
        if !entries.isEmpty && byteCount + entry.payload.count > byteCountMax { return entries }
        entries.append(entry)
        byteCount += entry.payload.count
      }
      next = run.lastIndex + 1
    }
    return entries
  }

  // MARK: Reclaiming

  /// Says that entries of a group are not needed any more: a completed flush or a snapshot covers them. Segments that hold
  /// nothing else are deleted, oldest first. Not durable: say it again after a restart.
  package func released(group: UInt64, through index: UInt64) {
    let canReclaim = catalog.withLock { catalog in
      catalog.release(group, through: index)
      return catalog.segments.count > 1 && catalog.pinning(catalog.segments[0]).isEmpty
    }
    if canReclaim {
      worker.submit(on: loop) { [self] in
        reclaim()
      } completion: { _ in
      }
    }
  }

  /// On the worker. A file that cannot be removed is tried again at the next start; it does no harm.
  private func reclaim() {
    while let number = catalog.withLock({ $0.dropOldestSegment() }) {
      try? runtime.files.remove("\(directory)/\(SegmentHeader.fileName(number))")
    }
  }

  /// How many segments there are, and which groups keep the oldest one from being deleted: flush these first.
  package var pinned: (segments: Int, groups: [UInt64]) {
    catalog.withLock { catalog in
      let oldest = catalog.segments.count > 1 ? catalog.segments.first : nil
      return (catalog.segments.count, oldest.map { catalog.pinning($0) } ?? [])
    }
  }

  /// Counts since the log was opened, and its size now.
  package var metrics: WriteAheadLogMetrics {
    var metrics = counters.withLock { $0 }
    catalog.withLock { catalog in
      metrics.segments = catalog.segments.count
      metrics.bytesOnDisk = catalog.segments.reduce(0) { $0 + $1.byteCount }
    }
    metrics.queuedBytes = queue.withLock(\.byteCount)
    return metrics
  }

  // MARK: Closing

  /// Takes no more appends; what is queued is still written and completed. An empty frame at the end then lets the next
  /// start tell damage to the last records from a torn tail. Ends the log's thread.
  package func close() {
    queue.withLock { if $0.state == .open { $0.state = .closed } }
    worker.submit(on: loop) { [self] in
      try writer.withLock { writer in
        if queue.withLock({ $0.state != .failed }) { _ = try write([], &writer) }
        writer.file.close()
      }
    } completion: { [self] result in
      if case .failure(let error) = result { fail(error) }
    }
    worker.shutdown()
  }
}
