import Keys
import Values

/// One statement of a text, with its plan once it has one. Lives on its session's loop.
final class CachedStatement {
  let statement: ParsedScript.Statement
  /// The text that positions refer to.
  let text: String
  /// Types that the client gave for parameters.
  let given: [SQLType]
  private(set) var plan: StatementPlan?
  /// Whether a client has prepared it, and relies on the columns that it was told of.
  var isPrepared = false
  fileprivate var catalogVersion: UInt64 = 0
  private var viewOf: TransactionID?
  private var settingsGeneration = 0

  init(_ statement: ParsedScript.Statement, text: String, given: [SQLType] = []) {
    self.statement = statement
    self.text = text
    self.given = given
  }

  /// The plan for this catalog and these settings, made anew if it is not.
  /// - Parameters:
  ///   - context: made only if the plan is.
  ///   - catalogVersion: of the newest catalog.
  ///   - viewOf: the transaction whose changes the catalog has, if it has any that others do not see.
  /// - Throws: what binding throws; 0A000 if a prepared statement's result changed since the client saw it.
  func plan(
    in context: @autoclosure () -> BindingContext, catalogVersion: UInt64, viewOf: TransactionID?,
    settingsGeneration: Int
  ) throws(SQLError) -> StatementPlan {
    if let plan, self.catalogVersion == catalogVersion, self.viewOf == viewOf,
      self.settingsGeneration == settingsGeneration, plan.isReusable
    {
      return plan
    }
    let context = context()
    let made: StatementPlan
    do {
      made = try StatementBinder.plan(statement, given: given, context: context)
    } catch { throw error.located(in: text) }
    if isPrepared, let plan, plan.columns?.map(\.type) != made.columns?.map(\.type) {
      throw SQLError(.featureNotSupported, "cached plan must not change result type")
    }
    plan = made
    self.catalogVersion = context.catalog.version
    self.viewOf = viewOf
    self.settingsGeneration = settingsGeneration
    return made
  }
}

/// The statements of texts seen lately, so that a text is parsed and planned once.
struct StatementCache {
  private var entries: [String: [CachedStatement]] = [:]
  private let countMax: Int
  /// Longer texts are hardly ever sent twice.
  private static let textBytesMax = 16 << 10

  init(countMax: Int) { self.countMax = countMax }

  /// - Parameter catalogVersion: who sends a text anew takes its result as it is now; those who have prepared it under
  ///   another catalog keep theirs.
  mutating func statements(of text: String, catalogVersion: UInt64) throws(SQLError) -> [CachedStatement] {
    if let known = entries[text], known.first?.text.utf8.elementsEqual(text.utf8) ?? true,
      known.allSatisfy({ !$0.isPrepared || $0.catalogVersion == catalogVersion })
    {
      return known
    }
    let script = try SQLParser.parse(text)
    let statements = script.statements.map { CachedStatement($0, text: text) }
    if text.utf8.count <= Self.textBytesMax {
      // Texts with literals inlined never come again; throwing all away now and then is cheap and keeps no order.
      if entries.count >= countMax { entries.removeAll(keepingCapacity: true) }
      entries[text] = statements
    }
    return statements
  }

  mutating func removeAll() { entries.removeAll() }
}
