import Coding

/// What one sync made durable: the records of everything that was queued. There is never more than one frame that is
/// written and not yet synced, so a frame whose *successor* exists was durable once.
enum Frame {
  static let magic: UInt32 = 0x4c57_5041  // "APWL"
  static let headByteCountMin = 24
  /// Table and bodies have less than this each, so that every length fits where it goes.
  static let byteCountMax = 1 << 30

  /// One row of a frame's table of contents.
  struct Item: Hashable {
    var kind: RecordKind
    var group: UInt64
    /// Where the body lies, from the start of the segment.
    var offset: Int
    var byteCount: Int
    var crc: UInt32
  }

  /// A frame's head: everything but the bodies.
  struct Head {
    var sequence: UInt64
    var items: [Item]
    /// From the start of the segment.
    var offset: Int
    var bodyOffset: Int
    var end: Int
  }

  /// The bytes of a frame; `offset` is where it will lie in its segment.
  static func encode(
    _ records: [EncodedRecord], logID: UInt64, sequence: UInt64, offset: Int
  ) -> (bytes: [UInt8], items: [Item]) {
    var table = ByteWriter(reservingCapacity: records.count * 20)
    var items: [Item] = []
    items.reserveCapacity(records.count)
    var bodyByteCount = 0
    for record in records {
      let crc = CRC32C.of(record.body[...])
      table.write(record.kind.rawValue)
      table.writeVarint(record.group)
      table.writeCount(record.body.count)
      table.writeFixed(crc)
      items.append(
        Item(kind: record.kind, group: record.group, offset: bodyByteCount, byteCount: record.body.count, crc: crc))
      bodyByteCount += record.body.count
    }
    precondition(
      table.count < byteCountMax && bodyByteCount < byteCountMax, "a frame of \(table.count) + \(bodyByteCount) bytes")
    var frame = ByteWriter(reservingCapacity: headByteCountMin + table.count + bodyByteCount)
    frame.writeFixed(magic)
    frame.writeFixed(sequence)
    frame.writeFixed(UInt32(table.count))
    frame.writeFixed(UInt32(bodyByteCount))
    var crc = CRC32C(seed: logID)
    crc.add(frame.bytes[...])
    crc.add(table.bytes[...])
    frame.writeFixed(crc.value)
    frame.writeRaw(table.bytes)
    for index in items.indices { items[index].offset += offset + frame.count }
    for record in records { frame.writeRaw(record.body) }
    return (frame.bytes, items)
  }

  /// The head at `offset`, if an intact one lies there. Its bodies may be damaged, or end behind the segment's end.
  static func head(in segment: [UInt8], at offset: Int, logID: UInt64) -> Head? {
    guard offset >= 0, segment.count - offset >= headByteCountMin else { return nil }
    var reader = ByteReader(segment)
    reader.position = offset
    guard let magic = try? reader.readFixed(UInt32.self), magic == Self.magic,
      let sequence = try? reader.readFixed(UInt64.self), let tableByteCount = try? reader.readFixed(UInt32.self),
      let bodyByteCount = try? reader.readFixed(UInt32.self), let crc = try? reader.readFixed(UInt32.self),
      tableByteCount < byteCountMax, bodyByteCount < byteCountMax, reader.remaining >= Int(tableByteCount)
    else { return nil }
    let tableEnd = reader.position + Int(tableByteCount)
    var computed = CRC32C(seed: logID)
    computed.add(segment[offset..<offset + headByteCountMin - 4])
    computed.add(segment[reader.position..<tableEnd])
    guard computed.value == crc else { return nil }

    var items: [Item] = []
    var bodyOffset = tableEnd
    while reader.position < tableEnd {
      guard let kind = (try? reader.readByte()).flatMap(RecordKind.init), let group = try? reader.readVarint(),
        let byteCount = try? reader.readVarint(), byteCount <= UInt64(bodyByteCount),
        let bodyCRC = try? reader.readFixed(UInt32.self)
      else { return nil }
      items.append(Item(kind: kind, group: group, offset: bodyOffset, byteCount: Int(byteCount), crc: bodyCRC))
      bodyOffset += Int(byteCount)
    }
    let end = tableEnd + Int(bodyByteCount)
    guard reader.position == tableEnd, bodyOffset == end else { return nil }
    return Head(sequence: sequence, items: items, offset: offset, bodyOffset: tableEnd, end: end)
  }

  /// The body of an item, if it is intact.
  static func body(of item: Item, in segment: [UInt8]) -> ArraySlice<UInt8>? {
    guard item.offset + item.byteCount <= segment.count else { return nil }
    let body = segment[item.offset..<item.offset + item.byteCount]
    return CRC32C.of(body) == item.crc ? body : nil
  }
}
