import Coding

/// One segment as it was found: frames and the places where there should be frames.
struct SegmentScan {
  enum Piece {
    /// An intact head, and the positions of its items whose bodies are damaged or missing.
    case frame(Frame.Head, damaged: [Int])
    case unreadable(Range<Int>)
    /// Zeros up to the end of the file: room that was reserved and not used.
    case reserved(Range<Int>)
  }

  /// `nil` where the header is not intact.
  let header: SegmentHeader?
  let pieces: [Piece]

  /// - Parameters:
  ///   - sequence: that of the next frame, if it is known; smaller ones are from somewhere else.
  init(_ bytes: [UInt8], header: SegmentHeader?, logID: UInt64, sequence: UInt64?) {
    self.header = header
    var pieces: [Piece] = []
    var expected = header?.firstSequence ?? sequence ?? 0
    var position = header == nil ? 0 : SegmentHeader.byteCount
    while position < bytes.count {
      if let head = Frame.head(in: bytes, at: position, logID: logID), head.sequence >= expected {
        let damaged = head.items.indices.filter { Frame.body(of: head.items[$0], in: bytes) == nil }
        pieces.append(.frame(head, damaged: damaged))
        expected = head.sequence &+ 1
        position = min(head.end, bytes.count)
      } else if bytes[position...].allSatisfy({ $0 == 0 }) {
        pieces.append(.reserved(position..<bytes.count))
        position = bytes.count
      } else {
        let next = Self.nextHead(in: bytes, after: position, logID: logID, from: expected)
        pieces.append(.unreadable(position..<next))
        position = next
      }
    }
    self.pieces = pieces
  }

  /// Where the next intact head lies that may follow; the end if there is none.
  private static func nextHead(in bytes: [UInt8], after start: Int, logID: UInt64, from expected: UInt64) -> Int {
    let magic = withUnsafeBytes(of: Frame.magic.littleEndian) { $0[0] }
    var position = start + 1
    while position <= bytes.count - Frame.headByteCountMin {
      if bytes[position] == magic, let head = Frame.head(in: bytes, at: position, logID: logID),
        head.sequence >= expected
      {
        return position
      }
      position += 1
    }
    return bytes.count
  }
}
