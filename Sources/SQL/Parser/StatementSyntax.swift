import Operations
import Schema

/// One statement as the user wrote it.
indirect enum StatementSyntax: Sendable {
  case select(SelectSyntax)
  case insert(InsertSyntax)
  case update(UpdateSyntax)
  case delete(DeleteSyntax)
  case createTable(CreateTableSyntax)
  case dropTables([RelationSyntax], ifExists: Bool, cascade: Bool)
  case createIndex(CreateIndexSyntax)
  case dropIndexes([RelationSyntax], ifExists: Bool, cascade: Bool)
  case alterTable(RelationSyntax, AlterationSyntax, ifExists: Bool)
  case addPrimaryKey(RelationSyntax, ConstraintSyntax, ifExists: Bool)
  case truncate([RelationSyntax])
  case copy(CopySyntax)
  case explain(StatementSyntax, [OptionSyntax])
  case set(SetSyntax)
  case show(String)
  case prepare(name: String, types: [TypeNameSyntax], StatementSyntax)
  case execute(name: String, [ExpressionSyntax])
  /// Nil: all.
  case deallocate(name: String?)
  case discard(DiscardTarget)
  /// `VACUUM` or `ANALYZE` of these tables (none: all).
  case maintain(command: String, [RelationSyntax])
  case transaction(TransactionSyntax)
  case unlisten
  case declareCursor(DeclareCursorSyntax)
  case fetch(FetchSyntax)
  /// Nil: all.
  case closeCursor(name: String?)
  /// Understood and refused: what it is, and what to do instead.
  case unsupported(String, hint: String?)

  enum DiscardTarget: Sendable { case all, plans, sequences, temp }
}

enum TransactionSyntax: Sendable {
  case begin(command: String, [OptionSyntax])
  case commit(chain: Bool)
  case rollback(chain: Bool)
  case savepoint(String)
  case release(String)
  case rollbackTo(String)
  /// Two-phase commit by the user's hand.
  case twoPhase(String)
}

/// `FOR UPDATE OF t NOWAIT` and its like.
struct LockingSyntax: Sendable {
  var strength: RowLockStrength
  var policy: LockWaitPolicy
  /// None: all.
  var relations: [RelationSyntax]
}

/// The name of a table or view.
struct RelationSyntax: Sendable {
  var schema: String?
  var name: String
  var alias: String?
  var columnAliases: [String] = []
  var location: Int?
}

struct SelectSyntax: Sendable {
  var items: [TargetSyntax] = []
  var from: [FromSyntax] = []
  var filter: ExpressionSyntax?
  var groupBy: [ExpressionSyntax] = []
  var having: ExpressionSyntax?
  var orderBy: [SortSyntax] = []
  var limit: ExpressionSyntax?
  var offset: ExpressionSyntax?
  var isDistinct = false
  var locking: [LockingSyntax] = []
  /// Rows of `VALUES`, instead of items.
  var values: [[ExpressionSyntax]] = []
  /// The first of its clauses that is not supported, as `UNION`.
  var unsupportedClause: String?
  var unsupportedLocation: Int?
}

/// An item of a select list, a RETURNING list or a SET list.
struct TargetSyntax: Sendable {
  /// The alias, or the column that is set.
  var name: String?
  var value: ExpressionSyntax
  var location: Int?
}

indirect enum FromSyntax: Sendable {
  case relation(RelationSyntax)
  case function(FunctionCallSyntax, alias: String?, columnAliases: [String])
  case subquery(SelectSyntax, alias: String?, columnAliases: [String])
  case unsupported(String, at: Int?)
}

struct InsertSyntax: Sendable {
  var relation: RelationSyntax
  var columns: [TargetSyntax]
  /// Nil for DEFAULT VALUES.
  var source: SelectSyntax?
  var onConflict: OnConflictSyntax?
  var returning: [TargetSyntax]
  var overriding: Overriding = .none
  enum Overriding: Sendable { case none, user, system }
}

struct OnConflictSyntax: Sendable {
  /// The columns in brackets; nil where none are given.
  var columns: [String]?
  var constraint: String?
  /// Nil: DO NOTHING.
  var assignments: [TargetSyntax]?
  var filter: ExpressionSyntax?
  var location: Int?
}

struct UpdateSyntax: Sendable {
  var relation: RelationSyntax
  var assignments: [TargetSyntax]
  var filter: ExpressionSyntax?
  var returning: [TargetSyntax]
}

struct DeleteSyntax: Sendable {
  var relation: RelationSyntax
  var filter: ExpressionSyntax?
  var returning: [TargetSyntax]
}

struct CreateTableSyntax: Sendable {
  var relation: RelationSyntax
  var columns: [ColumnSyntax]
  var constraints: [ConstraintSyntax]
  var options: [OptionSyntax]
  var ifNotExists: Bool
  var split: ShardingSyntax.Split?
  /// Rows of SPLIT AT VALUES.
  var splitRows: [[ExpressionSyntax]] = []
}

struct ColumnSyntax: Sendable {
  var name: String
  var type: TypeNameSyntax
  var constraints: [ConstraintSyntax]
  var location: Int?
}

struct ConstraintSyntax: Sendable {
  enum Kind: Sendable {
    case null
    case notNull
    /// The expression and its text.
    case defaultValue(ExpressionSyntax)
    case check(ExpressionSyntax)
    /// Columns are empty for a column's own constraint.
    case primaryKey([String], [ShardingSyntax.KeyOrder])
    case identity(always: Bool, [OptionSyntax])
    /// Columns are empty for a column's own constraint.
    case unique([String], includes: [String], nullsAreEqual: Bool)
    case foreignKey(ForeignKeySyntax)
    case unsupported(String)
  }
  var name: String?
  var kind: Kind
  var location: Int?
  /// `NOT VALID`: rows that are there already are not looked at.
  var skipsValidation = false
}

struct ForeignKeySyntax: Sendable {
  /// Empty for a column's own constraint.
  var columns: [String]
  var referenced: RelationSyntax
  /// Empty for the primary key.
  var referencedColumns: [String]
  var onDelete: ReferentialAction
  var onUpdate: ReferentialAction
  var isMatchFull: Bool
}

struct CreateIndexSyntax: Sendable {
  var name: String?
  var relation: RelationSyntax
  var keys: [IndexKeySyntax]
  var includes: [String]
  var filter: ExpressionSyntax?
  var isUnique: Bool
  var nullsAreEqual: Bool
  var ifNotExists: Bool
  var split: ShardingSyntax.Split?
  /// Rows of SPLIT AT VALUES.
  var splitRows: [[ExpressionSyntax]] = []
}

struct IndexKeySyntax: Sendable {
  var expression: ExpressionSyntax
  var isDescending: Bool
  var isHashed: Bool
  /// Nil where it is not said.
  var nullsFirst: Bool?
}

enum AlterationSyntax: Sendable {
  case addConstraint(ConstraintSyntax)
  case dropConstraint(String, ifExists: Bool, cascade: Bool)
  case validateConstraint(String)
  case addColumn(ColumnSyntax, ifNotExists: Bool)
}

/// `name value` of WITH, COPY, EXPLAIN and the like.
struct OptionSyntax: Sendable {
  enum Value: Hashable, Sendable {
    case none
    case text(String)
    case number(Int)
    case list([String])
    case star
  }
  var name: String
  var value: Value
  var location: Int?
}

struct CopySyntax: Sendable {
  /// Nil: a query.
  var relation: RelationSyntax?
  var query: StatementSyntax?
  var columns: [String]
  var isFrom: Bool
  /// A file name or program, which are refused.
  var file: String?
  var options: [OptionSyntax]
  var filter: ExpressionSyntax?
}

struct SetSyntax: Sendable {
  enum Change: Sendable {
    case value([String])
    case toDefault
    case resetAll
    /// `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS AS TRANSACTION …`.
    case transaction(session: Bool, [OptionSyntax])
  }
  var name: String
  var change: Change
  var isLocal: Bool
  var isReset: Bool
}

struct DeclareCursorSyntax: Sendable {
  var name: String
  var query: StatementSyntax
  /// The first of its options that is not supported, as `WITH HOLD`.
  var unsupportedOption: String?
}

/// FETCH or MOVE.
struct FetchSyntax: Sendable {
  var cursor: String
  /// Rows ahead; nil for all.
  var count: Int?
  /// Anything but FORWARD.
  var isBackward: Bool
  var isMove: Bool
}
