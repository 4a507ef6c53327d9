/// Something in a history that its transactions' isolation levels rule out.
package struct Anomaly: Hashable, Sendable {
  /// Names from Adya, Liskov and O'Neil ("Generalized isolation level definitions", 2000) where they have one.
  package enum Kind: String, Hashable, CaseIterable, Sendable {
    // Lists, seen without any cycle.
    /// The history cannot be judged: two appends of one value to one key.
    case ambiguousAppend = "ambiguous append"
    /// A read shows an element that nobody appended.
    case garbageRead = "garbage read"
    /// A read shows an element twice.
    case duplicateElement = "duplicate element"
    /// A transaction does not see its own writes, or (from REPEATABLE READ on) its own earlier read again.
    case internalInconsistency = "internal"
    /// A read shows a write of a transaction that aborted.
    case abortedRead = "G1a"
    /// A read shows a state in the middle of another transaction.
    case intermediateRead = "G1b"
    /// A committed write builds on an aborted one.
    case dirtyUpdate = "dirty update"
    /// Two reads of one key that no single order of its versions explains.
    case incompatibleOrder = "incompatible order"
    /// An acknowledged append that a later read does not have, nor any other.
    case lostAppend = "lost append"

    // Cycles of dependencies.
    /// Write cycle: two transactions overwrite each other.
    case writeCycle = "G0"
    /// Circular information flow: reads of writes, and overwrites.
    case circularInformationFlow = "G1c"
    /// Both read one version, and both replaced it.
    case lostUpdate = "lost update"
    /// Read skew: one anti-dependency, a snapshot that is of no one time.
    case readSkew = "G-single"
    /// Several anti-dependencies, no two in a row: still no snapshot.
    case nonadjacentAntiDependencies = "G-nonadjacent"
    /// Write skew: what snapshot isolation allows and serializability does not.
    case writeSkew = "G2-item"

    // What a workload's own rule says.
    case wrongTotal = "wrong total"
    case negativeBalance = "negative balance"
    case unknownRow = "unknown row"
    case fracturedRead = "fractured read"
    case predicateWriteSkew = "G2"
    case longFork = "long fork"
    case causalReverse = "causal reverse"
    case lostIncrement = "lost increment"
    case extraIncrement = "extra increment"
    case duplicateValue = "duplicate value"
    case brokenRing = "broken ring"

    // Replay by hybrid time.
    case wrongRead = "wrong read"
    case wrongReadAtCommit = "wrong read at commit"
    case writeConflict = "write conflict"
    case timeReversal = "time reversal"
  }

  /// What had to be known to call it wrong, beyond who read and wrote what.
  package enum Ordering: Hashable, Sendable {
    case data
    /// That a session does one thing after another.
    case session
    /// That one transaction was over before another began.
    case realTime
  }

  package var kind: Kind
  package var ordering: Ordering
  /// Places in the history: of a cycle in its order, otherwise the ones to look at.
  package var transactions: [Int]
  /// For a person, several lines.
  package var explanation: String

  package init(_ kind: Kind, _ ordering: Ordering = .data, transactions: [Int], _ explanation: String) {
    self.kind = kind
    self.ordering = ordering
    self.transactions = transactions
    self.explanation = explanation
  }

  /// As in the literature: `G-single-realtime`.
  package var name: String {
    switch ordering {
    case .data: kind.rawValue
    case .session: kind.rawValue + "-session"
    case .realTime: kind.rawValue + "-realtime"
    }
  }
}

extension Anomaly: CustomStringConvertible {
  package var description: String { "\(name): \(explanation)" }
}

/// What a checker has found so far: of each kind the first few, for one fault tends to show in a thousand places.
struct Findings {
  private static let eachMax = 8
  private(set) var anomalies: [Anomaly] = []
  private var counts: [Anomaly.Kind: Int] = [:]

  mutating func add(_ anomaly: @autoclosure () -> Anomaly, of kind: Anomaly.Kind) {
    counts[kind, default: 0] += 1
    if counts[kind, default: 0] <= Self.eachMax { anomalies.append(anomaly()) }
  }

  mutating func add(_ kind: Anomaly.Kind, _ transactions: [Int], _ explanation: @autoclosure () -> String) {
    add(Anomaly(kind, transactions: transactions, explanation()), of: kind)
  }
}
