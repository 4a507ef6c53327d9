import Coding
import Runtime

/// Reads a log back: all of its segments in order, record by record, into a catalog.
///
/// What cannot be read is either torn or damaged, and the difference is everything. Torn is what was being written when
/// the node went down: it was never acknowledged, so it is cut off. Damaged is what was synced. A frame is written only
/// after the one before it was synced, and a segment is begun only after the one before it was synced in full, so
/// anything unreadable with a byte of a later frame behind it was synced: damage.
struct LogReplay {
  private(set) var catalog = LogCatalog()
  private(set) var recovery = LogRecovery()
  private(set) var logID: UInt64?
  private(set) var nextSequence: UInt64 = 1
  private(set) var nextSegment: UInt64 = 1
  /// Where the last segment must be cut: its torn tail starts there.
  private(set) var cut: (path: String, byteCount: Int)?
  /// The file of the last segment.
  private(set) var lastPath: String?

  /// Blocks.
  init(directory: String, files: any FileSystem) throws {
    let numbers = try files.list(directory).compactMap(SegmentHeader.number).sorted()
    var headers: [UInt64: SegmentHeader] = [:]
    for number in numbers {
      let path = "\(directory)/\(SegmentHeader.fileName(number))"
      let start = try files.readable { () throws(FileError) in
        try files.read(path, offset: 0, count: SegmentHeader.byteCount)
      }
      guard let header = SegmentHeader(decoding: start), header.number == number else {
        if SegmentHeader.isOfUnknownVersion(start) { throw WriteAheadLogError.unknownFormat(path: path) }
        continue
      }
      if let logID, header.logID != logID { throw WriteAheadLogError.foreignSegment(path: path) }
      logID = header.logID
      headers[number] = header
    }
    lastPath = numbers.last.map { "\(directory)/\(SegmentHeader.fileName($0))" }
    for number in numbers {
      let path = "\(directory)/\(SegmentHeader.fileName(number))"
      let bytes = try files.readable { () throws(FileError) in try files.read(path) }
      replay(bytes, number: number, header: headers[number], isLast: number == numbers.last, path: path)
    }
    for (number, group) in catalog.groups {
      var recovered = RecoveredGroup()
      recovered.hardState = group.hardState
      recovered.snapshot = group.snapshot
      recovered.lastIndex = group.lastIndex
      recovered.isDamaged = group.isDamaged
      recovery.groups[number] = recovered
    }
  }

  private mutating func replay(
    _ bytes: [UInt8], number: UInt64, header: SegmentHeader?, isLast: Bool, path: String
  ) {
    if number != nextSegment && !catalog.segments.isEmpty {
      damageAll(segment: nextSegment, offset: 0, "\(number - nextSegment) segments are missing")
    }
    nextSegment = number + 1
    let isFirst = catalog.segments.isEmpty
    catalog.addSegment(number, byteCount: bytes.count)
    guard let header else {
      damageAll(segment: number, offset: 0, "the segment's header is unreadable")
      replay(
        SegmentScan(bytes, header: nil, logID: logID ?? 0, sequence: isFirst ? nil : nextSequence), bytes,
        number: number, isLast: isLast, path: path)
      return
    }
    if isFirst {
      nextSequence = header.firstSequence
    } else if header.firstSequence != nextSequence {
      damageAll(segment: number, offset: 0, "frames \(nextSequence)..<\(header.firstSequence) are missing before it")
      nextSequence = max(nextSequence, header.firstSequence)
    }
    let scan = SegmentScan(bytes, header: header, logID: header.logID, sequence: nextSequence)
    replay(scan, bytes, number: number, isLast: isLast, path: path)
  }

  private mutating func replay(
    _ scan: SegmentScan, _ bytes: [UInt8], number: UInt64, isLast: Bool, path: String
  ) {
    var pieces = scan.pieces[...]
    // Room at the end that no frame was ever written to. If one was, the next segment's header misses it.
    if case .reserved = pieces.last { pieces.removeLast() }
    // The header and the restatement behind it were synced before the file got its name: neither can be torn.
    if pieces.isEmpty { damageAll(segment: number, offset: 0, "the start of the segment is missing") }
    var isAfterGap = scan.header == nil
    for (place, piece) in pieces.enumerated() {
      let canBeTorn = isLast && place > 0 && place == pieces.count - 1
      switch piece {
      case .unreadable(let range), .reserved(let range):
        if canBeTorn { return cutTail(bytes, at: range.lowerBound, path: path) }
        damageAll(segment: number, offset: range.lowerBound, "\(range.count) bytes are unreadable")
        isAfterGap = true
      case .frame(let head, let damaged):
        if canBeTorn && !damaged.isEmpty { return cutTail(bytes, at: head.offset, path: path) }
        if head.sequence != nextSequence && !isAfterGap {
          damageAll(
            segment: number, offset: head.offset, "frames \(nextSequence)..<\(head.sequence) are missing before it")
        }
        isAfterGap = false
        nextSequence = head.sequence &+ 1
        apply(head, bytes, number: number)
        if place == 0 && scan.header != nil { catalog.restatementEnded() }
      }
    }
  }

  private mutating func apply(_ head: Frame.Head, _ bytes: [UInt8], number: UInt64) {
    for item in head.items {
      guard let body = Frame.body(of: item, in: bytes),
        let record = try? DecodedRecord(item.kind, group: item.group, body: body)
      else {
        damage(item, segment: number, "a record of kind \(item.kind) is unreadable")
        continue
      }
      switch record {
      case .restatement(let group, let statement):
        if !catalog.apply(statement, group: group) {
          damage(item, segment: number, "the records before disagree with what the segment starts with")
        }
      case .record(let record):
        if let objection = catalog.objection(to: [record]) {
          if catalog.groups[record.group]?.isDamaged != true { damage(item, segment: number, objection) }
          catalog.startAgain(record.group)
        }
        catalog.apply(record, at: item)
      }
    }
  }

  private mutating func cutTail(_ bytes: [UInt8], at offset: Int, path: String) {
    cut = (path, offset)
    recovery.tornBytes = bytes.count - offset
    catalog.setByteCount(offset)
  }

  private mutating func damageAll(segment: UInt64, offset: Int, _ reason: String) {
    recovery.damage.append(.init(segment: segment, offset: offset, reason: reason, groups: nil))
    catalog.damageAll()
  }

  private mutating func damage(_ item: Frame.Item, segment: UInt64, _ reason: String) {
    recovery.damage.append(.init(segment: segment, offset: item.offset, reason: reason, groups: [item.group]))
    catalog.damage(item.group)
  }
}

extension FileSystem {
  /// What `read` gives; nothing where the disk cannot read it. Only a lost sector is damage: any other error says nothing
  /// about the log, and must keep it from being opened.
  fileprivate func readable(_ read: () throws(FileError) -> [UInt8]) throws(FileError) -> [UInt8] {
    do {
      return try read()
    } catch {
      if error.isInputOutputError { return [] }
      throw error
    }
  }
}
