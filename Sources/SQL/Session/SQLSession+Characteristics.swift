import Values

// What SET TRANSACTION may still change, by the check hooks of PostgreSQL's `variable.c`.

extension SQLSession {
  /// `SET TRANSACTION`, or a change of the setting behind it.
  func setCharacteristic(_ name: String, to value: String) throws(SQLError) {
    guard let name = TransactionCharacteristics.Name(rawValue: name) else {
      throw .unsupported("the transaction mode \(name)")
    }
    let kept = try settings.accepted(name, value)
    let old = settings.currentCharacteristics
    var new = old
    new.set(name, to: kept)
    let hasQueried = transaction?.hasQueried ?? false
    let isNested = !(transaction?.savepoints.isEmpty ?? true)
    switch name {
    case .level where new != old:
      if hasQueried { throw Self.tooLate("SET TRANSACTION ISOLATION LEVEL must be called before any query") }
      if isNested { throw Self.tooLate("SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction") }
    case .readOnly where old.isReadOnly && !new.isReadOnly:
      let isParentReadOnly = transaction?.savepoints.last?.settings.isReadOnly ?? false
      if isNested, isParentReadOnly {
        throw Self.tooLate("cannot set transaction read-write mode inside a read-only transaction")
      }
      if hasQueried { throw Self.tooLate("transaction read-write mode must be set before any query") }
    case .deferrable:
      if isNested { throw Self.tooLate("SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction") }
      if hasQueried { throw Self.tooLate("SET TRANSACTION [NOT] DEFERRABLE must be called before any query") }
    case .level, .readOnly: break
    }
    settings.setCharacteristics(new)
  }

  private static func tooLate(_ message: String) -> SQLError { SQLError(.activeTransaction, message) }

  /// `BEGIN AS OF SYSTEM TIME` and its like.
  func setReadTime(_ text: String) throws(SQLError) {
    guard transaction?.data == nil, !(transaction?.hasQueried ?? false) else {
      throw Self.tooLate("AS OF SYSTEM TIME must be given before any query")
    }
    _ = try SystemTime.parse(text, now: transaction?.startTime ?? statementTime, settings: settings.format)
    transaction?.readTime = text
  }
}

extension OptionSyntax {
  /// As a setting takes it.
  var settingValue: String {
    switch value {
    case .text(let text): text
    case .number(let number): number == 0 ? "off" : "on"
    case .none, .list, .star: ""
    }
  }
}
