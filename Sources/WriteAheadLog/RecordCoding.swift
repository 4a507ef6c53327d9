import Coding

/// What a record is, on disk. Numbers are never used again for something else.
enum RecordKind: UInt8 {
  case entries = 1
  case truncate = 2
  case hardState = 3
  case snapshot = 4
  case groupRemoved = 5
  /// Everything about a group but its entries, as of the start of a segment.
  case restatement = 6
}

/// A record as it goes into a frame.
struct EncodedRecord {
  var kind: RecordKind
  var group: UInt64
  var body: [UInt8]
}

/// What the start of a segment says about each group that exists, so that older segments can be deleted.
struct Restatement: Hashable {
  var hardState: [UInt8]?
  var snapshot: SnapshotMark?
  var lastIndex: UInt64
  var isDamaged: Bool
}

/// A record as it is read back.
enum DecodedRecord {
  case record(LogRecord)
  case restatement(group: UInt64, Restatement)
}

extension EncodedRecord {
  init(_ record: LogRecord) {
    var writer = ByteWriter()
    switch record {
    case .entries(let group, let entries):
      self.init(kind: .entries, group: group, body: Self.encode(entries))
      return
    case .truncate(let group, let from):
      writer.writeVarint(from)
      self.init(kind: .truncate, group: group, body: writer.bytes)
    case .hardState(let group, let state):
      self.init(kind: .hardState, group: group, body: state)
    case .snapshot(let group, let mark):
      writer.write(mark)
      self.init(kind: .snapshot, group: group, body: writer.bytes)
    case .groupRemoved(let group):
      self.init(kind: .groupRemoved, group: group, body: [])
    }
  }

  init(group: UInt64, _ statement: Restatement) {
    var writer = ByteWriter()
    writer.writeVarint(statement.lastIndex)
    writer.write(statement.isDamaged)
    writer.writeOptional(statement.hardState) { $0.write($1) }
    writer.writeOptional(statement.snapshot) { $0.write($1) }
    self.init(kind: .restatement, group: group, body: writer.bytes)
  }

  /// The first index, then each entry's term and payload.
  private static func encode(_ entries: [LogEntry]) -> [UInt8] {
    let size = entries.reduce(10) { $0 + $1.payload.count + 12 }
    var writer = ByteWriter(reservingCapacity: size)
    writer.writeVarint(entries[0].index)
    writer.writeCount(entries.count)
    for entry in entries {
      writer.writeVarint(entry.term)
      writer.write(entry.payload)
    }
    return writer.bytes
  }
}

extension DecodedRecord {
  init(_ kind: RecordKind, group: UInt64, body: ArraySlice<UInt8>) throws(CodingError) {
    var reader = ByteReader(body)
    switch kind {
    case .entries:
      self = .record(.entries(group: group, try reader.readEntries()))
    case .truncate:
      let index = try reader.readVarint()
      if index == 0 { throw .malformed(what: "truncated index") }
      self = .record(.truncate(group: group, from: index))
    case .hardState:
      self = .record(.hardState(group: group, try reader.readRaw(count: reader.remaining)))
    case .snapshot:
      self = .record(.snapshot(group: group, try reader.readSnapshotMark()))
    case .groupRemoved:
      self = .record(.groupRemoved(group: group))
    case .restatement:
      let lastIndex = try reader.readVarint()
      if lastIndex == .max { throw .malformed(what: "last index") }
      let isDamaged = try reader.readBool()
      let hardState = try reader.readOptional { reader throws(CodingError) in try reader.readBytes() }
      let snapshot = try reader.readOptional { reader throws(CodingError) in try reader.readSnapshotMark() }
      self = .restatement(
        group: group,
        Restatement(hardState: hardState, snapshot: snapshot, lastIndex: lastIndex, isDamaged: isDamaged))
    }
    guard reader.isAtEnd else { throw .malformed(what: "log record") }
  }
}

extension ByteWriter {
  fileprivate mutating func write(_ mark: SnapshotMark) {
    writeVarint(mark.index)
    writeVarint(mark.term)
    write(mark.data)
  }
}

extension ByteReader {
  fileprivate mutating func readSnapshotMark() throws(CodingError) -> SnapshotMark {
    let index = try readVarint()
    // The entry behind a snapshot has an index, too.
    if index == .max { throw .malformed(what: "snapshot index") }
    return SnapshotMark(index: index, term: try readVarint(), data: try readBytes())
  }

  mutating func readEntries() throws(CodingError) -> [LogEntry] {
    let first = try readVarint()
    let count = try readCount(minimumSize: 2)
    guard count > 0, first > 0, !first.addingReportingOverflow(UInt64(count)).overflow else {
      throw .malformed(what: "log entries")
    }
    var entries: [LogEntry] = []
    entries.reserveCapacity(count)
    for offset in 0..<UInt64(count) {
      entries.append(LogEntry(index: first + offset, term: try readVarint(), payload: try readBytes()))
    }
    return entries
  }
}
