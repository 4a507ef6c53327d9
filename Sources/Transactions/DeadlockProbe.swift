import Coding
import Keys
import Tablet

/// A probe along the edges of who waits for whom (Chandy, Misra and Haas, "Distributed Deadlock Detection", 1983, the
/// AND model): it starts at a transaction that waits, and goes from gateway to gateway. If it comes back to where it
/// started, those on its way wait for each other. A transaction that runs stops the probe, so nothing is reported that
/// is not a cycle of transactions which all wait at this time.
package struct DeadlockProbe: Sendable, Hashable {
  /// From the one that it started at, each waiting for the next.
  package var path: [TransactionID]
  /// Whom the last of the path waits for.
  package var target: TransactionID
  package static let lengthMax = 64

  /// What becomes of the probe at its target's gateway.
  package enum Step: Hashable {
    /// The youngest of a cycle has to give up.
    case found(victim: TransactionID, cycle: [TransactionID])
    case forward(DeadlockProbe)
  }

  /// - Parameter blockers: whom the target waits for now; none if it runs.
  package func step(blockers: [TransactionID]) -> [Step] {
    guard let start = path.first else { return [] }
    let extended = path + [target]
    if blockers.contains(start) {
      return [.found(victim: extended.max() ?? start, cycle: extended)]
    }
    guard extended.count < Self.lengthMax else { return [] }
    // A cycle that the start is not part of is found by a probe of one of its own.
    return blockers.filter { !extended.contains($0) }.map {
      .forward(DeadlockProbe(path: extended, target: $0))
    }
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeArray(path) { $0.write($1) }
    writer.write(target)
    return writer.bytes
  }

  package init(path: [TransactionID], target: TransactionID) {
    self.path = path
    self.target = target
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    path = try reader.readArray(minimumSize: 17) { reader throws(CodingError) in try reader.readTransactionID() }
    target = try reader.readTransactionID()
    guard path.count <= Self.lengthMax else { throw .malformed(what: "path of a probe") }
  }
}
