import Values

extension TypeKind {
  var category: Character { TypeCatalog.entry(self).category }
  /// Whether it is the type that its category's ambiguities are resolved to.
  var isPreferred: Bool { TypeCatalog.entry(self).isPreferred }
  var isText: Bool { self == .text || self == .varchar || self == .char || self == .name }
  /// The name as error messages show it.
  var sqlName: String { TypeCatalog.entry(self).sqlName }
}

extension FunctionCatalog {
  /// The cast between two types, written or made by the general rule that every type has a text form; nil where there
  /// is none. A type casts to itself, for the sake of its modifier.
  package static func cast(from: TypeKind, to: TypeKind) -> BuiltinCast? {
    if from == to { return BuiltinCast(from: from, to: to, context: .implicit, method: .relabel) }
    if let (context, method) = directCast(from: from, to: to) {
      return BuiltinCast(from: from, to: to, context: context, method: method)
    }
    guard from != .void, to != .void, to != .unknown else { return nil }
    if from == .unknown { return BuiltinCast(from: from, to: to, context: .implicit, method: .text) }
    // Any type to a text type by assignment, a text type to any other explicitly, through the text form.
    if to.isText { return BuiltinCast(from: from, to: to, context: .assignment, method: .text) }
    if from.isText { return BuiltinCast(from: from, to: to, context: .explicit, method: .text) }
    return nil
  }

  /// `pg_cast`, without the casts to the same type.
  private static func directCast(from: TypeKind, to: TypeKind) -> (CastContext, BuiltinCast.Method)? {
    switch (from, to) {
    case (.boolean, .int4), (.int4, .boolean): (.explicit, .function)
    case (.boolean, .text), (.boolean, .varchar), (.boolean, .char): (.assignment, .function)

    case (.int2, .int4), (.int2, .int8), (.int4, .int8): (.implicit, .function)
    case (.int4, .int2), (.int8, .int2), (.int8, .int4): (.assignment, .function)
    case (.int2, .oid), (.int8, .oid), (.int4, .oid): (.implicit, .function)
    case (.oid, .int4), (.oid, .int8): (.assignment, .function)
    case (.int2, .float4), (.int2, .float8), (.int2, .numeric): (.implicit, .function)
    case (.int4, .float4), (.int4, .float8), (.int4, .numeric): (.implicit, .function)
    case (.int8, .float4), (.int8, .float8), (.int8, .numeric): (.implicit, .function)
    case (.float4, .float8), (.numeric, .float4), (.numeric, .float8): (.implicit, .function)
    case (.float4, .int2), (.float4, .int4), (.float4, .int8), (.float4, .numeric): (.assignment, .function)
    case (.float8, .int2), (.float8, .int4), (.float8, .int8), (.float8, .numeric): (.assignment, .function)
    case (.float8, .float4): (.assignment, .function)
    case (.numeric, .int2), (.numeric, .int4), (.numeric, .int8): (.assignment, .function)

    case (.text, .varchar), (.varchar, .text), (.text, .char), (.varchar, .char): (.implicit, .relabel)
    case (.char, .text), (.char, .varchar), (.name, .text): (.implicit, .function)
    case (.text, .name), (.varchar, .name), (.char, .name): (.implicit, .function)
    case (.name, .varchar), (.name, .char): (.assignment, .function)

    case (.date, .timestamp), (.date, .timestampTZ), (.timestamp, .timestampTZ): (.implicit, .function)
    case (.timestamp, .date), (.timestamp, .time), (.timestampTZ, .date): (.assignment, .function)
    case (.timestampTZ, .time), (.timestampTZ, .timestamp): (.assignment, .function)
    case (.time, .interval): (.implicit, .function)
    case (.interval, .time): (.assignment, .function)

    case (.json, .jsonb), (.jsonb, .json): (.assignment, .text)
    case (.jsonb, .boolean), (.jsonb, .int2), (.jsonb, .int4), (.jsonb, .int8): (.explicit, .function)
    case (.jsonb, .float4), (.jsonb, .float8), (.jsonb, .numeric): (.explicit, .function)
    default: nil
    }
  }

  /// Whether a value of one type may stand for another without being asked to, in this context.
  package static func canCoerce(_ from: TypeKind, to: TypeKind, _ context: CastContext) -> Bool {
    guard let cast = cast(from: from, to: to) else { return false }
    return cast.context <= context
  }
}
