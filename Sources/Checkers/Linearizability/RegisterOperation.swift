/// What one client did to one register and what it was told: a line of a history.
///
/// A register is a row that is there with a value or is not there (nil).
package struct RegisterOperation: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// What was read; nil where the row was not there.
    case read(Int64?)
    /// `INSERT … ON CONFLICT DO UPDATE`.
    case upsert(Int64)
    /// `INSERT`; refused where the row is there. The outcome is nil where it was never heard, here and below.
    case insert(Int64, succeeded: Bool?)
    /// `UPDATE … SET v = new`; finds nothing where the row is not there.
    case update(Int64, found: Bool?)
    /// `UPDATE … SET v = new WHERE v = expected`.
    case compareAndSet(expected: Int64, new: Int64, succeeded: Bool?)
    case delete(found: Bool?)
  }

  package var kind: Kind
  /// When the client asked, in nanoseconds of true time.
  package var start: UInt64
  /// When it had its answer; nil where it never heard whether the operation took effect.
  package var end: UInt64?

  package init(_ kind: Kind, start: UInt64, end: UInt64?) {
    self.kind = kind
    self.start = start
    self.end = end
  }

  /// Carries the operation out on the definition of a register.
  /// - Returns: whether what the client was told is what the register says.
  package func apply(to value: inout Int64?) -> Bool {
    switch kind {
    case .read(let seen):
      return seen == value
    case .upsert(let new):
      value = new
      return true
    case .insert(let new, let succeeded):
      let isFree = value == nil
      if isFree { value = new }
      return succeeded ?? isFree == isFree
    case .update(let new, let found):
      let isThere = value != nil
      if isThere { value = new }
      return found ?? isThere == isThere
    case .compareAndSet(let expected, let new, let succeeded):
      let matches = value == expected
      if matches { value = new }
      return succeeded ?? matches == matches
    case .delete(let found):
      let isThere = value != nil
      value = nil
      return found ?? isThere == isThere
    }
  }
}

extension RegisterOperation: CustomStringConvertible {
  package var description: String {
    let what =
      switch kind {
      case .read(let value): "read \(value.map { "\($0)" } ?? "nothing")"
      case .upsert(let value): "upsert \(value)"
      case .insert(let value, let succeeded): "insert \(value)\(Self.outcome(succeeded, "done", "refused"))"
      case .update(let value, let found): "update to \(value)\(Self.outcome(found, "found", "found nothing"))"
      case .compareAndSet(let expected, let new, let succeeded):
        "update \(expected) to \(new)\(Self.outcome(succeeded, "found", "found nothing"))"
      case .delete(let found): "delete\(Self.outcome(found, "found", "found nothing"))"
      }
    return "\(start / 1000)…\(end.map { "\($0 / 1000)" } ?? "?") µs \(what)"
  }

  private static func outcome(_ outcome: Bool?, _ yes: String, _ no: String) -> String {
    outcome.map { ": \($0 ? yes : no)" } ?? ""
  }
}
