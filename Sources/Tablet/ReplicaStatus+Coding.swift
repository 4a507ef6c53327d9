import Coding
import Keys

extension ReplicaStatus {
  package func write(to writer: inout ByteWriter) {
    writer.writeVarint(tablet.rawValue)
    writer.write(isLeader)
    writer.writeFixed(leader?.rawValue ?? 0)
    writer.writeVarint(term)
    writer.writeVarint(commitIndex)
    writer.writeVarint(appliedIndex)
    writer.writeVarint(sizeBytes)
    writer.writeArray(matchIndexes.sorted { $0.key < $1.key }) { writer, match in
      writer.writeFixed(match.key.rawValue)
      writer.writeVarint(match.value)
    }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    tablet = TabletID(try reader.readVarint())
    isLeader = try reader.readBool()
    let leaderID: UInt32 = try reader.readFixed()
    leader = leaderID == 0 ? nil : NodeID(leaderID)
    term = try reader.readVarint()
    commitIndex = try reader.readVarint()
    appliedIndex = try reader.readVarint()
    sizeBytes = try reader.readVarint()
    matchIndexes = [:]
    for _ in 0..<(try reader.readCount(minimumSize: 5)) {
      let node = NodeID(try reader.readFixed())
      matchIndexes[node] = try reader.readVarint()
    }
  }
}
