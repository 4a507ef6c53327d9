import Operations

/// What `BEGIN` and `SET TRANSACTION` say of a transaction (PostgreSQL manual, SET TRANSACTION).
struct TransactionCharacteristics: Hashable, Sendable {
  /// The levels' names are those that SHOW gives back: `read uncommitted` is remembered, and means `read committed`.
  enum Level: String, Sendable {
    case readUncommitted = "read uncommitted"
    case readCommitted = "read committed"
    case repeatableRead = "repeatable read"
    case serializable

    var isolation: IsolationLevel {
      switch self {
      case .readUncommitted, .readCommitted: .readCommitted
      case .repeatableRead: .repeatableRead
      case .serializable: .serializable
      }
    }
  }

  var level = Level.readCommitted
  var isReadOnly = false
  var isDeferrable = false

  /// The settings that show and change those of the current transaction. None of them is kept beyond it.
  enum Name: String {
    case level = "transaction_isolation"
    case readOnly = "transaction_read_only"
    case deferrable = "transaction_deferrable"
  }

  func shown(_ name: Name) -> String {
    switch name {
    case .level: level.rawValue
    case .readOnly: isReadOnly ? "on" : "off"
    case .deferrable: isDeferrable ? "on" : "off"
    }
  }

  /// - Parameter value: as a setting keeps it.
  mutating func set(_ name: Name, to value: String) {
    switch name {
    case .level: level = Level(rawValue: value) ?? .readCommitted
    case .readOnly: isReadOnly = value == "on"
    case .deferrable: isDeferrable = value == "on"
    }
  }
}
