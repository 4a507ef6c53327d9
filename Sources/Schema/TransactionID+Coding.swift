import Coding
import Keys

extension ByteWriter {
  package mutating func write(_ transaction: TransactionID) {
    writeFixed(transaction.start.rawValue)
    writeFixed(transaction.client)
    writeVarint(UInt64(transaction.gateway.rawValue))
  }
}

extension ByteReader {
  package mutating func readTransactionID() throws(CodingError) -> TransactionID {
    let start: UInt64 = try readFixed()
    let client: UInt64 = try readFixed()
    return TransactionID(
      start: HybridTime(rawValue: start), client: client, gateway: NodeID(try readNarrow()))
  }
}
