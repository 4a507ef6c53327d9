import Coding
import Keys

/// Which requests this tablet has carried out lately, and with what result, so that a retry does not apply twice.
///
/// It is a function of the log: an entry is added when its write is applied, and a client's entries below the floor that
/// came with a later write of that client are forgotten. A gateway never retries below its own floor, so it holds as
/// many entries as requests were in flight. The table is saved with each flush, and log entries behind it are replayed.
package struct RetryTable: Sendable {
  private struct Client {
    var floor: UInt64
    /// By sequence: the encoded result.
    var results: [UInt64: [UInt8]]
    /// The hybrid time of the client's last write here, to forget clients that never come back.
    var lastTime: HybridTime
  }

  private var clients: [UInt64: Client] = [:]

  /// How long a silent client is remembered: far longer than any gateway retries one request.
  package static let clientLifetimeMicroseconds: UInt64 = 600_000_000

  package init() {}

  package enum Lookup: Sendable {
    case new
    case done(result: [UInt8])
    /// Below the client's floor: the client had its answer already. A message that late must not run.
    case forgotten
  }

  package func lookUp(_ id: RequestID) -> Lookup {
    guard let client = clients[id.client] else { return .new }
    if let result = client.results[id.sequence] { return .done(result: result) }
    return id.sequence < client.floor ? .forgotten : .new
  }

  package mutating func record(_ id: RequestID, floor: UInt64, result: [UInt8], time: HybridTime) {
    if id == LoggedWrite.nobody { return }
    var client = clients.removeValue(forKey: id.client) ?? Client(floor: 0, results: [:], lastTime: time)
    if floor > client.floor {
      client.floor = floor
      client.results = client.results.filter { $0.key >= floor }
    }
    client.results[id.sequence] = result
    client.lastTime = time
    clients[id.client] = client
  }

  /// Forgets clients whose last write is older than `clientLifetimeMicroseconds` before `time`. Called with the time of
  /// an applied write, so that every replica forgets alike.
  package mutating func expire(at time: HybridTime) {
    guard time.microseconds > Self.clientLifetimeMicroseconds else { return }
    let limit = HybridTime(microseconds: time.microseconds - Self.clientLifetimeMicroseconds)
    clients = clients.filter { $0.value.lastTime >= limit }
  }

  package var entryCount: Int { clients.values.reduce(0) { $0 + $1.results.count } }

  /// In ascending order, so that equal tables have equal bytes on every replica.
  package func write(to writer: inout ByteWriter) {
    writer.writeCount(clients.count)
    for (id, client) in clients.sorted(by: { $0.key < $1.key }) {
      writer.writeFixed(id)
      writer.writeVarint(client.floor)
      writer.writeFixed(client.lastTime.rawValue)
      writer.writeCount(client.results.count)
      for (sequence, result) in client.results.sorted(by: { $0.key < $1.key }) {
        writer.writeVarint(sequence)
        writer.write(result)
      }
    }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    for _ in 0..<(try reader.readCount(minimumSize: 18)) {
      let id: UInt64 = try reader.readFixed()
      let floor = try reader.readVarint()
      let lastTime = HybridTime(rawValue: try reader.readFixed())
      var results: [UInt64: [UInt8]] = [:]
      for _ in 0..<(try reader.readCount(minimumSize: 2)) {
        let sequence = try reader.readVarint()
        results[sequence] = try reader.readBytes()
      }
      clients[id] = Client(floor: floor, results: results, lastTime: lastTime)
    }
  }
}
