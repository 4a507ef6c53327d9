#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A node's disk: what is written, what of it is safe, and what may go wrong with it.
///
/// Names have a journal of their own, as in a real file system: a created, renamed or removed name is safe once its
/// directory is synced, and a power cut keeps the oldest of the changes that are not.
package final class SimulatedDisk: @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  package struct Settings: Sendable {
    package var callNanoseconds: UInt64 = 5_000
    package var bytesPerMicrosecond: UInt64 = 1_000
    package var syncNanoseconds: ClosedRange<UInt64> = 100_000...2_000_000
    /// One sync in so many takes twenty times as long; 0 for never.
    package var slowSyncOneIn: UInt64 = 200

    package init() {}
  }

  /// Everything takes this many times as long.
  package var slowFactor: UInt64 = 1
  /// Writes fail with ENOSPC beyond it.
  package var quotaBytes: Int?
  /// So many of the next syncs fail with EIO, and what they should have written never reaches the disk.
  package var syncsToFail = 0
  /// One read in so many fails with EIO; 0 for none.
  package var readErrorOneIn: UInt64 = 0

  private enum NameChange {
    case link(String, SimulatedFile)
    case unlink(String)
    case rename(from: String, to: String)
    case makeDirectory(String)
    case removeDirectory(String)
  }

  private struct Names {
    var files: [String: SimulatedFile] = [:]
    var directories: Set<String> = ["/"]

    mutating func apply(_ change: NameChange) {
      switch change {
      case .link(let path, let file): files[path] = file
      case .unlink(let path): files[path] = nil
      case .rename(let from, let to): rename(from, to)
      case .makeDirectory(let path): directories.insert(path)
      case .removeDirectory(let path): directories.remove(path)
      }
    }

    /// A directory takes along what is in it.
    private mutating func rename(_ from: String, _ to: String) {
      if let file = files.removeValue(forKey: from) { files[to] = file }
      guard directories.remove(from) != nil else { return }
      directories.insert(to)
      for path in files.keys.filter({ $0.hasPrefix(from + "/") }) {
        files[to + path.dropFirst(from.count)] = files.removeValue(forKey: path)
      }
      for path in directories.filter({ $0.hasPrefix(from + "/") }) {
        directories.remove(path)
        directories.insert(to + path.dropFirst(from.count))
      }
    }
  }

  private unowned let world: SimulatedWorld
  private var names = Names()
  private var durableNames = Names()
  private var journal: [NameChange] = []
  private var usedBytes = 0
  /// Counts power cuts: files opened before one are no longer open.
  private(set) var generation = 0
  private var charge: UInt64?

  init(world: SimulatedWorld) {
    self.world = world
  }

  private var settings: Settings { world.settings.disk }

  // MARK: Time

  func beginWork() { charge = 0 }

  /// - Returns: how long the work took.
  func endWork() -> UInt64 {
    defer { charge = nil }
    return charge ?? 0
  }

  private func take(_ nanoseconds: UInt64, bytes: Int = 0) {
    guard let charge else { return }
    let transfer = UInt64(bytes) * 1000 / max(1, settings.bytesPerMicrosecond)
    self.charge = charge + (nanoseconds + transfer) * slowFactor
  }

  // MARK: Files

  func file(_ path: String) -> SimulatedFile? { names.files[path] }
  func isDirectory(_ path: String) -> Bool { names.directories.contains(path) }

  func open(_ path: String) throws(FileError) -> SimulatedFile {
    take(settings.callNanoseconds)
    guard let file = names.files[path] else {
      throw FileError(errno: isDirectory(path) ? EISDIR : ENOENT, operation: "open", path: path)
    }
    return file
  }

  func openOrCreate(_ path: String) throws(FileError) -> SimulatedFile {
    if let file = names.files[path] { return file }
    guard isDirectory(parent(of: path)) else { throw FileError(errno: ENOENT, operation: "open", path: path) }
    take(settings.callNanoseconds)
    let file = SimulatedFile()
    change(.link(path, file))
    return file
  }

  func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    let file = try open(path)
    if readErrorOneIn > 0, world.random.oneIn(readErrorOneIn) {
      throw FileError(errno: EIO, operation: "pread", path: path)
    }
    guard offset < UInt64(file.content.count), count > 0 else { return [] }
    let start = Int(offset)
    let bytes = Array(file.content[start..<start + min(count, file.content.count - start)])
    take(0, bytes: bytes.count)
    return bytes
  }

  /// - Returns: how many of the bytes there was room for.
  func write(_ bytes: [UInt8], to file: SimulatedFile, at offset: Int) -> Int {
    take(settings.callNanoseconds, bytes: bytes.count)
    let room = quotaBytes.map { max(0, $0 - usedBytes) } ?? .max
    let before = file.content.count
    let fits = max(0, min(bytes.count, before - offset + min(room, .max - before)))
    file.write(bytes.prefix(fits), at: offset)
    usedBytes += file.content.count - before
    bytes.withUnsafeBytes { world.record($0) }
    return fits
  }

  func sync(_ file: SimulatedFile, path: String) throws(FileError) {
    var duration = world.random.between(settings.syncNanoseconds.lowerBound, settings.syncNanoseconds.upperBound)
    if settings.slowSyncOneIn > 0, world.random.oneIn(settings.slowSyncOneIn) { duration *= 20 }
    take(duration, bytes: file.unsyncedBytes)
    if syncsToFail > 0 {
      syncsToFail -= 1
      file.syncFailed()
      throw FileError(errno: EIO, operation: "fdatasync", path: path)
    }
    let now = world.nowNanoseconds
    if let charge { self.charge = max(charge, file.syncWait(now: now)) }
    file.sync(now: now, until: now + (charge ?? 0))
  }

  func truncate(_ path: String, to size: UInt64) throws(FileError) {
    let file = try open(path)
    guard let size = Int(exactly: size) else { throw FileError(errno: EFBIG, operation: "ftruncate", path: path) }
    usedBytes += size - file.content.count
    file.resize(to: size)
  }

  func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    guard isDirectory(parent(of: path)) else { throw FileError(errno: ENOENT, operation: "open", path: path) }
    take(settings.callNanoseconds * 4 + settings.syncNanoseconds.upperBound, bytes: bytes.count)
    if let quotaBytes, usedBytes + bytes.count > quotaBytes {
      throw FileError(errno: ENOSPC, operation: "write", path: path)
    }
    if syncsToFail > 0 {
      syncsToFail -= 1
      throw FileError(errno: EIO, operation: "fsync", path: path)
    }
    usedBytes += bytes.count - (names.files[path]?.content.count ?? 0)
    let file = SimulatedFile()
    file.replaceAll(with: bytes)
    bytes.withUnsafeBytes { world.record($0) }
    change(.link(path, file))
    commit(parent(of: path))
  }

  // MARK: Names

  private func change(_ change: NameChange) {
    names.apply(change)
    journal.append(change)
  }

  func createDirectory(_ path: String) throws(FileError) {
    if isDirectory(path) { return }
    if names.files[path] != nil { throw FileError(errno: EEXIST, operation: "mkdir", path: path) }
    let above = parent(of: path)
    if above != path { try createDirectory(above) }
    change(.makeDirectory(path))
  }

  package func list(_ path: String) -> [String] {
    take(settings.callNanoseconds)
    let prefix = path == "/" ? "/" : path + "/"
    func name(_ path: String) -> String? {
      guard path.hasPrefix(prefix), path.count > prefix.count else { return nil }
      let name = path.dropFirst(prefix.count)
      return name.contains("/") ? nil : String(name)
    }
    let found = names.files.keys.compactMap(name) + names.directories.compactMap(name)
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  func rename(_ from: String, to: String) throws(FileError) {
    take(settings.callNanoseconds)
    guard names.files[from] != nil || isDirectory(from), isDirectory(parent(of: to)) else {
      throw FileError(errno: ENOENT, operation: "rename", path: from)
    }
    usedBytes -= names.files[from] != nil ? names.files[to]?.content.count ?? 0 : 0
    change(.rename(from: from, to: to))
  }

  func remove(_ path: String) throws(FileError) {
    let file = try open(path)
    usedBytes -= file.content.count
    change(.unlink(path))
  }

  func removeTree(_ path: String) {
    take(settings.callNanoseconds)
    let inside = { (name: String) in name == path || name.hasPrefix(path + "/") }
    for name in names.files.keys.filter(inside).sorted() {
      usedBytes -= names.files[name]?.content.count ?? 0
      change(.unlink(name))
    }
    for name in names.directories.filter(inside).sorted(by: >) { change(.removeDirectory(name)) }
  }

  func syncDirectory(_ path: String) throws(FileError) {
    guard isDirectory(path) else { throw FileError(errno: ENOENT, operation: "open", path: path) }
    take(settings.syncNanoseconds.lowerBound)
    commit(path)
  }

  /// Makes the changes in a directory safe, and with them, as one journal holds all, every earlier change.
  private func commit(_ directory: String) {
    guard let last = journal.lastIndex(where: { touches($0, directory) }) else { return }
    for change in journal[...last] { durableNames.apply(change) }
    journal.removeFirst(last + 1)
  }

  private func touches(_ change: NameChange, _ directory: String) -> Bool {
    switch change {
    case .link(let path, _), .unlink(let path): parent(of: path) == directory
    case .rename(let from, let to): parent(of: from) == directory || parent(of: to) == directory
    case .makeDirectory(let path), .removeDirectory(let path): path == directory || parent(of: path) == directory
    }
  }

  // MARK: Mishaps

  func crashed(_ kind: SimulatedWorld.Crash) {
    generation += 1
    charge = nil
    guard kind == .powerCut else { return }
    let kept = Int(world.random.below(UInt64(journal.count) + 1))
    for change in journal.prefix(kept) { durableNames.apply(change) }
    journal = []
    names = durableNames
    for path in names.files.keys.sorted() {
      names.files[path]?.powerCut(now: world.nowNanoseconds, random: &world.random)
    }
    usedBytes = names.files.values.reduce(0) { $0 + $1.content.count }
  }

  /// Turns a bit over, where reads and the disk see it.
  package func flipBit(_ bit: Int = 0, ofByte offset: Int, in path: String) {
    names.files[path]?.flipBit(bit, ofByte: offset)
  }

  /// What a read of a whole file gives.
  package func bytes(of path: String) -> [UInt8]? { names.files[path]?.content }

  /// The disk is replaced by an empty one; the node must be down.
  package func lose() {
    names = Names()
    durableNames = Names()
    journal = []
    usedBytes = 0
    generation += 1
  }

  /// The bytes of a file that a power cut at this moment would leave for certain; nil if not even its name is safe.
  package func durableBytes(of path: String) -> [UInt8]? {
    durableNames.files[path]?.durableBytes(now: world.nowNanoseconds)
  }

  package var bytesUsed: Int { usedBytes }
}
