import Expressions
import Operations
import Schema
import Values

/// A statement, bound and planned: plain data over typed expressions, the same for every execution of its text. What an
/// execution adds is the parameters' values.
struct StatementPlan: Sendable {
  indirect enum Body: Sendable {
    case select(SelectPlan)
    case insert(InsertPlan)
    case update(UpdatePlan)
    case delete(DeletePlan)
    case explain(ExplainPlan)
    /// What is not planned, but carried out from its syntax.
    case utility(StatementSyntax)
  }
  var body: Body
  /// Of the user's parameters, then of the slots.
  var parameterTypes: [SQLType]
  var userParameterCount: Int
  var slots: [SlotSource]
  /// Nil where the statement yields no rows.
  var columns: [ResultColumn]?
  /// Whether another execution may use it.
  var isReusable: Bool
}

/// Where a query's rows come from.
indirect enum RowSource: Sendable {
  /// One row without columns.
  case nothing
  case table(TableDescriptor, KeyPlan)
  /// The table's rows that an index leads to.
  case index(IndexPath)
  /// The entries themselves, which have all that the query reads: its expressions are over them. And the same query over
  /// the rows, for who wants to lock those.
  case indexOnly(IndexPath, instead: SelectPlan)
  case view(VirtualTable)
  /// `generate_series(start, stop, step)`.
  case series(start: Expression, stop: Expression, step: Expression, type: SQLType)
  case values([[Expression]])
  case subquery(SelectPlan)
}

struct SelectPlan: Sendable {
  var source: RowSource
  /// Over the source's row.
  var filter: Expression?
  var shape: Shape
  /// Over the shape's output row.
  var sort: [SortKey]
  var isDistinct: Bool
  var limit: Expression?
  var offset: Expression?
  /// How many of the output columns the client sees; the rest is there to sort by.
  var visibleCount: Int
  var columns: [ResultColumn]
  /// The source yields rows in the order asked for.
  var isSortedBySource = false
  /// How the rows of the table that is its source are locked.
  var locking: RowLocking?

  enum Shape: Sendable {
    case plain([Expression])
    /// `having` and `projection` see the group row: keys, then aggregates.
    case grouped(by: [Expression], aggregates: [AggregateCall], having: Expression?, projection: [Expression])
  }
}

/// How a value of a new row comes to be.
enum ColumnSource: Sendable {
  /// Over the source row (no columns for VALUES).
  case value(Expression)
  case sequence
  case rowID
}

struct InsertPlan: Sendable {
  var table: TableDescriptor
  var source: Source
  var onConflict: ConflictAction
  var arbiter = ConflictArbiter.primaryKey
  var returning: [Expression]?

  enum Source: Sendable {
    /// A source for every column of each row.
    case values([[ColumnSource]])
    /// One for every column, over the query's rows.
    case query(SelectPlan, [ColumnSource])
  }
}

struct UpdatePlan: Sendable {
  var table: TableDescriptor
  var rows: RowChoice
  var filter: Expression?
  var assignments: [Assignment]
  var returning: [Expression]?
}

struct DeletePlan: Sendable {
  var table: TableDescriptor
  var rows: RowChoice
  var filter: Expression?
  var returning: [Expression]?
}

extension RowChoice {
  /// What reads and writes of these rows need.
  var access: StatementPlan.RowAccess {
    switch self {
    case .keys(let keys): keys.isPoints && !keys.hasSpan ? .single : .search
    case .index: .several
    }
  }
}

/// Which rows UPDATE and DELETE look at: by their keys, or by way of an index.
enum RowChoice: Sendable {
  case keys(KeyPlan)
  case index(IndexPath)
}

struct ExplainPlan: Sendable {
  enum Format: Sendable { case text, json }
  var statement: StatementPlan
  var format: Format
  var isAnalyze: Bool
  var isVerbose: Bool
  var showsCosts: Bool
  var showsTiming: Bool
  var showsSummary: Bool
}

extension SelectPlan {
  /// The locks that it takes, or that a subquery in it takes.
  var innermostLocking: RowLocking? {
    if case .subquery(let inner) = source { return inner.innermostLocking }
    return locking
  }

  var readsTable: Bool {
    switch source {
    case .table, .index, .indexOnly: true
    case .subquery(let inner): inner.readsTable
    case .nothing, .view, .series, .values: false
    }
  }
}

extension SelectPlan {
  /// Whether entries and then the rows that they lead to are read, at one snapshot.
  var readsInSteps: Bool {
    switch source {
    case .index: true
    case .subquery(let inner): inner.readsInSteps
    case .table, .indexOnly, .nothing, .view, .series, .values: false
    }
  }
}

extension StatementPlan {
  /// What a statement needs of the cluster's rows.
  enum RowAccess: Comparable {
    case none
    /// A single read, or a single mutation, which is a transaction of its own if nothing else belongs to it.
    case single
    /// A mutation of rows that it has to look for: READ COMMITTED, if it is a transaction of its own.
    case search
    /// Several steps that must see and do one thing, or locks that someone has to hold.
    case several
  }

  var rowAccess: RowAccess {
    switch body {
    case .select(let plan):
      plan.innermostLocking != nil || plan.readsInSteps ? .several : plan.readsTable ? .single : .none
    case .insert(let plan):
      switch (plan.source, plan.arbiter) {
      case (.query(let query, _), _) where query.readsTable: .several
      case (_, .index), (_, .all): .several
      default: .single
      }
    case .update(let plan): plan.rows.access
    case .delete(let plan): plan.rows.access
    case .explain(let plan): plan.isAnalyze ? plan.statement.rowAccess : .none
    // COPY, which is none without a table, asks for its transaction itself.
    case .utility: .none
    }
  }

  var writes: Bool {
    switch body {
    case .insert, .update, .delete: true
    case .explain(let plan): plan.isAnalyze && plan.statement.writes
    case .select(let plan): plan.innermostLocking != nil
    case .utility: false
    }
  }
}
