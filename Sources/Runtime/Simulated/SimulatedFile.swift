/// A file as the page cache holds it, and as the disk does.
///
/// Files are written at their end, over zeros that were reserved there, or cut: so what is not on the disk yet is always
/// everything from one sector on.
final class SimulatedFile {
  static let sectorBytes = 512

  /// What a read returns.
  private(set) var content: [UInt8] = []
  /// What a power cut leaves for certain.
  private(set) var durable: [UInt8] = []
  /// The first sector that waits to be written.
  private var dirtyFrom: Int?
  /// The end of what waits, in bytes.
  private var dirtyEnd = 0
  /// The last sync, for as long as it has not finished: a power cut before `until` undoes it.
  private var lastSync: (until: UInt64, sector: Int, before: [UInt8])?

  /// What lies between the end and an offset behind it becomes zeros.
  func write(_ bytes: some Collection<UInt8>, at offset: Int) {
    if bytes.isEmpty { return }
    let sector = min(offset, content.count) / Self.sectorBytes
    if offset > content.count { content.append(contentsOf: repeatElement(0, count: offset - content.count)) }
    dirtyFrom = min(dirtyFrom ?? sector, sector)
    dirtyEnd = max(dirtyEnd, offset + bytes.count)
    let over = min(bytes.count, content.count - offset)
    content.replaceSubrange(offset..<offset + over, with: bytes.prefix(over))
    content.append(contentsOf: bytes.dropFirst(over))
  }

  var unsyncedBytes: Int { dirtyFrom.map { max(0, dirtyEnd - $0 * Self.sectorBytes) } ?? 0 }

  /// - Parameters:
  ///   - now: when the sync begins.
  ///   - until: when the disk is done. A sync that another process began and did not live to see is waited for too.
  func sync(now: UInt64, until: UInt64) {
    guard let sector = dirtyFrom else { return }
    if let lastSync, lastSync.until > now {
      // Neither is done before both are.
      let first = min(sector, lastSync.sector)
      let before = durableBytes(now: now)
      self.lastSync = (max(until, lastSync.until), first, Array(before.dropFirst(first * Self.sectorBytes)))
    } else {
      lastSync = (until, sector, Array(durable.dropFirst(sector * Self.sectorBytes)))
    }
    write(from: sector * Self.sectorBytes)
    dirtyFrom = nil
    dirtyEnd = 0
  }

  /// How long a sync that begins now has to wait for one that is still under way.
  func syncWait(now: UInt64) -> UInt64 {
    guard let lastSync, lastSync.until > now else { return 0 }
    return lastSync.until - now
  }

  private func write(from start: Int) {
    if durable.count > start { durable.removeLast(durable.count - start) }
    // Sectors that an earlier failed sync gave up were never written.
    if durable.count < start { durable.append(contentsOf: repeatElement(0, count: start - durable.count)) }
    durable.append(contentsOf: content.dropFirst(start))
  }

  /// A failed sync: the kernel takes the pages for clean all the same, so no later sync writes them (fsyncgate). Reads
  /// still show them.
  func syncFailed() { dirtyFrom = nil }

  /// Cuts or extends the file; durable at once, as the real one syncs.
  func resize(to size: Int) {
    if size < content.count {
      content.removeLast(content.count - size)
    } else {
      content.append(contentsOf: repeatElement(0, count: size - content.count))
    }
    durable = content
    dirtyFrom = nil
    lastSync = nil
  }

  func replaceAll(with bytes: [UInt8]) {
    content = bytes
    durable = bytes
    dirtyFrom = nil
    lastSync = nil
  }

  func flipBit(_ bit: Int, ofByte offset: Int) {
    if content.indices.contains(offset) { content[offset] ^= 1 << UInt8(bit & 7) }
    if durable.indices.contains(offset) { durable[offset] ^= 1 << UInt8(bit & 7) }
  }

  /// What is on the disk for certain at `now`.
  func durableBytes(now: UInt64) -> [UInt8] {
    guard let lastSync, lastSync.until > now else { return durable }
    return Array(durable.prefix(lastSync.sector * Self.sectorBytes)) + lastSync.before
  }

  /// Power is gone: each sector that waited to be written is lost, kept or torn.
  func powerCut(now: UInt64, random: inout SeededRandom) {
    if let lastSync, lastSync.until > now {
      durable = durableBytes(now: now)
      dirtyFrom = min(dirtyFrom ?? lastSync.sector, lastSync.sector)
    }
    lastSync = nil
    if let sector = dirtyFrom { writeSome(from: sector, random: &random) }
    dirtyFrom = nil
    content = durable
  }

  private func writeSome(from sector: Int, random: inout SeededRandom) {
    let before = durable
    let size =
      switch random.below(3) {
      case 0: before.count
      case 1: content.count
      default: Int(random.between(UInt64(min(before.count, content.count)), UInt64(max(before.count, content.count))))
      }
    func old(_ offset: Int) -> UInt8 { offset < before.count ? before[offset] : 0 }
    func new(_ offset: Int) -> UInt8 { offset < content.count ? content[offset] : 0 }
    // All lost, all kept, or each sector as chance has it.
    let mode = random.below(4)
    var image = Array(before.prefix(min(sector * Self.sectorBytes, size)))
    while image.count < size {
      let end = min(size, (image.count / Self.sectorBytes + 1) * Self.sectorBytes)
      let kept =
        switch mode {
        case 0: image.count
        case 1: end
        default:
          switch random.below(3) {
          case 0: image.count
          case 1: end
          default: Int(random.between(UInt64(image.count), UInt64(end)))
          }
        }
      while image.count < kept { image.append(new(image.count)) }
      while image.count < end { image.append(old(image.count)) }
    }
    durable = image
  }
}
