import Values

/// How far a function's result depends on more than its arguments (PostgreSQL manual, 38.7).
package enum Volatility: UInt8, Comparable, Sendable {
  /// The same arguments give the same result for ever.
  case immutable
  /// The same within one statement: settings and the transaction's time may matter.
  case stable
  /// Another result at each call.
  case volatile

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A built-in function: its signature, and what computes it.
package struct BuiltinFunction: Sendable {
  package let id: FunctionID
  package let name: String
  /// `.unknown` stands for PostgreSQL's pseudo-type `any`. The last type of a variadic function repeats.
  package let argumentTypes: [TypeKind]
  package let isVariadic: Bool
  package let returnType: TypeKind
  /// NULL for any NULL argument, without a call.
  package let isStrict: Bool
  package let volatility: Volatility
  let implementation: Implementation

  /// What computes it. Arguments come evaluated, in the number and of the types that were declared; a strict function
  /// never sees NULL. An implementation that meets anything else throws, since calls may come over the network.
  enum Implementation: Sendable {
    case unary(@Sendable (Datum) throws(SQLError) -> Datum)
    case binary(@Sendable (Datum, Datum) throws(SQLError) -> Datum)
    case general(@Sendable ([Datum], EvaluationContext) throws(SQLError) -> Datum)
    /// Sees the arguments' static types.
    case typed(@Sendable ([Datum], [SQLType], EvaluationContext) throws(SQLError) -> Datum)
    /// The six comparisons, and arithmetic on integers, which the compiler runs without boxing values.
    case comparison(ComparisonOperation, Comparator)
    case integer(IntegerOperation, IntegerWidth)
    /// A pattern operator: a constant pattern is read once.
    case matching(Matching)
  }
}

/// A built-in operator: a name over one or two types, and the function behind it.
package struct BuiltinOperator: Sendable {
  /// `pg_operator.oid`.
  package let oid: UInt32
  package let name: String
  /// Nil for a prefix operator. `.unknown` stands for `any`.
  package let left: TypeKind?
  package let right: TypeKind
  package let function: FunctionID
  package let result: TypeKind
}

/// Where a cast may happen by itself (PostgreSQL manual, CREATE CAST).
package enum CastContext: UInt8, Comparable, Sendable {
  /// Anywhere.
  case implicit
  /// Where a value is stored into a column.
  case assignment
  /// Only where it is written.
  case explicit

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A conversion between two built-in types.
package struct BuiltinCast: Sendable {
  package enum Method: Sendable {
    /// The same value under another name.
    case relabel
    case function
    /// Through the text form of the value.
    case text
  }

  package let from: TypeKind
  package let to: TypeKind
  package let context: CastContext
  package let method: Method
}

/// A built-in aggregate.
package struct BuiltinAggregate: Sendable {
  package let id: AggregateID
  package let name: String
  /// `.unknown` stands for `any`; empty for `count(*)`.
  package let argumentTypes: [TypeKind]
  package let returnType: TypeKind
  let kind: AggregateKind
}

/// A name and arguments resolved to one function.
package struct ResolvedCall: Sendable {
  package let function: FunctionID
  /// What each argument must be coerced to; an argument of pseudo-type `any` keeps its own type.
  package let argumentTypes: [SQLType]
  package let resultType: SQLType
}

/// An aggregate's name and arguments resolved.
package struct ResolvedAggregate: Sendable {
  package let aggregate: AggregateID
  package let argumentTypes: [SQLType]
  package let resultType: SQLType
}
