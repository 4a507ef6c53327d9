import Values

extension FunctionCatalog.Tables {
  mutating func defineJSONFunctions() {
    defineJSONAccess()
    defineJSONPaths()
    defineJSONBOperators()
    defineJSONInspection()
    defineJSONConstruction()
  }

  /// `->` and `->>`, by name and by index, for both types.
  private mutating func defineJSONAccess() {
    let accesses: [(TypeKind, TypeKind, json: (oid: UInt32, function: UInt32), text: (oid: UInt32, function: UInt32))] =
      [
        (.json, .text, (3962, 3947), (3963, 3948)), (.json, .int4, (3964, 3949), (3965, 3950)),
        (.jsonb, .text, (3211, 3478), (3477, 3214)), (.jsonb, .int4, (3212, 3215), (3481, 3216)),
      ]
    for (type, key, json, text) in accesses {
      let noun = key == .text ? "object_field" : "array_element"
      binaryOperator("->", type, key, type, oid: json.oid, function: json.function, named: "\(type)_\(noun)") {
        (a, b) throws(SQLError) -> Datum in
        try member(of: try JSONValue.parse(try a.jsonText()), b).map { datum($0, type) } ?? .null
      }
      binaryOperator("->>", type, key, .text, oid: text.oid, function: text.function, named: "\(type)_\(noun)_text") {
        (a, b) throws(SQLError) -> Datum in
        try member(of: try JSONValue.parse(try a.jsonText()), b)?.textValue.map { .text($0) } ?? .null
      }
    }
  }

  /// `#>` and `#>>`. There are no arrays: the path is taken in the text form of one (`'{a,0,b}'`), so the operators
  /// have ids of our own. And their functions, with a variable number of steps.
  private mutating func defineJSONPaths() {
    for (index, type) in [TypeKind.json, .jsonb].enumerated() {
      let base = 9100 + UInt32(index) * 10
      binaryOperator("#>", type, .text, type, oid: base, function: base, named: "\(type)_path") {
        (a, b) throws(SQLError) -> Datum in
        let found = element(of: try JSONValue.parse(try a.jsonText()), try pathSteps(try b.string()))
        return found.map { datum($0, type) } ?? .null
      }
      binaryOperator("#>>", type, .text, .text, oid: base + 1, function: base + 1, named: "\(type)_path_text") {
        (a, b) throws(SQLError) -> Datum in
        let found = element(of: try JSONValue.parse(try a.jsonText()), try pathSteps(try b.string()))
        return found?.textValue.map { .text($0) } ?? .null
      }
    }
    let functions: [(UInt32, TypeKind, isText: Bool)] = [
      (3951, .json, false), (3953, .json, true), (3217, .jsonb, false), (3940, .jsonb, true),
    ]
    for (id, type, isText) in functions {
      general(
        id, "\(type)_extract_path\(isText ? "_text" : "")", [type, .text], isText ? .text : type, isVariadic: true
      ) { (arguments, _) throws(SQLError) -> Datum in
        var steps: [String] = []
        for argument in arguments.dropFirst() { steps.append(try argument.string()) }
        let found = element(of: try JSONValue.parse(try arguments.argument(0).jsonText()), steps)
        if isText { return found?.textValue.map { .text($0) } ?? .null }
        return found.map { datum($0, type) } ?? .null
      }
    }
  }

  private mutating func defineJSONBOperators() {
    binaryOperator("@>", .jsonb, .jsonb, .boolean, oid: 3246, function: 4046, named: "jsonb_contains") {
      (a, b) throws(SQLError) -> Datum in
      .bool(contains(try JSONValue.parse(try a.jsonText()), try JSONValue.parse(try b.jsonText()), isTop: true))
    }
    binaryOperator("<@", .jsonb, .jsonb, .boolean, oid: 3250, function: 4050, named: "jsonb_contained") {
      (a, b) throws(SQLError) -> Datum in
      .bool(contains(try JSONValue.parse(try b.jsonText()), try JSONValue.parse(try a.jsonText()), isTop: true))
    }
    binaryOperator("?", .jsonb, .text, .boolean, oid: 3247, function: 4047, named: "jsonb_exists") {
      (a, b) throws(SQLError) -> Datum in
      let name = try b.string()
      switch try JSONValue.parse(try a.jsonText()) {
      case .object(let members): return .bool(members.contains { equalBytes($0.name, name) })
      case .array(let elements):
        return .bool(elements.contains { if case .string(let text) = $0 { equalBytes(text, name) } else { false } })
      case .string(let text): return .bool(equalBytes(text, name))
      case .null, .bool, .number: return .bool(false)
      }
    }
    binaryOperator("||", .jsonb, .jsonb, .jsonb, oid: 3284, function: 3301, named: "jsonb_concat") {
      (a, b) throws(SQLError) -> Datum in
      let (x, y) = (try JSONValue.parse(try a.jsonText()), try JSONValue.parse(try b.jsonText()))
      if case .object(let first) = x, case .object(let second) = y { return try canonical(.object(first + second)) }
      func elements(_ value: JSONValue) -> [JSONValue] {
        if case .array(let elements) = value { elements } else { [value] }
      }
      return try canonical(.array(elements(x) + elements(y)))
    }
    binaryOperator("-", .jsonb, .text, .jsonb, oid: 3285, function: 3302, named: "jsonb_delete") {
      (a, b) throws(SQLError) -> Datum in
      let name = try b.string()
      switch try JSONValue.parse(try a.jsonText()) {
      case .object(let members): return try canonical(.object(members.filter { !equalBytes($0.name, name) }))
      case .array(let elements):
        return try canonical(
          .array(elements.filter { if case .string(let text) = $0 { !equalBytes(text, name) } else { true } }))
      default: throw SQLError(.invalidParameterValue, "cannot delete from scalar")
      }
    }
    binaryOperator("-", .jsonb, .int4, .jsonb, oid: 3286, function: 3303, named: "jsonb_delete") {
      (a, b) throws(SQLError) -> Datum in
      switch try JSONValue.parse(try a.jsonText()) {
      case .array(var elements):
        let given = try b.int4()
        let index = given < 0 ? given + elements.count : given
        if elements.indices.contains(index) { elements.remove(at: index) }
        return try canonical(.array(elements))
      case .object: throw SQLError(.invalidParameterValue, "cannot delete from object using integer index")
      default: throw SQLError(.invalidParameterValue, "cannot delete from scalar")
      }
    }
  }

  private mutating func defineJSONInspection() {
    for (id, type) in [(3968, TypeKind.json), (3210, .jsonb)] {
      unary(UInt32(id), "\(type)_typeof", type, .text) { (a) throws(SQLError) -> Datum in
        .text(try JSONValue.parse(try a.jsonText()).typeName)
      }
    }
    for (id, type) in [(3956, TypeKind.json), (3207, .jsonb)] {
      unary(UInt32(id), "\(type)_array_length", type, .int4) { (a) throws(SQLError) -> Datum in
        switch try JSONValue.parse(try a.jsonText()) {
        case .array(let elements): return .int4(Int32(clamping: elements.count))
        case .object: throw SQLError(.invalidParameterValue, "cannot get array length of a non-array")
        default: throw SQLError(.invalidParameterValue, "cannot get array length of a scalar")
        }
      }
    }
    for (id, type) in [(3261, TypeKind.json), (3262, .jsonb)] {
      unary(UInt32(id), "\(type)_strip_nulls", type, type) { (a) throws(SQLError) -> Datum in
        let stripped = try JSONValue.parse(try a.jsonText()).withoutNullMembers
        return type == .json ? .json(compactJSON(stripped)) : try canonical(stripped)
      }
    }
    unary(3306, "jsonb_pretty", .jsonb, .text) { (a) throws(SQLError) -> Datum in
      .text(prettyJSON(try JSONValue.parse(try a.jsonText()), indent: 0))
    }
  }
}

func datum(_ value: JSONValue, _ type: TypeKind) -> Datum {
  type == .json ? .json(value.description) : .jsonb(value.description)
}

func canonical(_ value: JSONValue) throws(SQLError) -> Datum { .jsonb(try JSONB.canonical(value).description) }

private func member(of value: JSONValue, _ key: Datum) throws(SQLError) -> JSONValue? {
  if case .text(let name) = key { return value[name] }
  return value[try key.int4()]
}

private func element(of value: JSONValue, _ path: [String]) -> JSONValue? { value[path: path] }

/// The elements of a one-dimensional text array in its text form: `{a,"b c",0}`.
private func pathSteps(_ text: String) throws(SQLError) -> [String] {
  let malformed = SQLError(.invalidTextRepresentation, "malformed array literal: \"\(text)\"")
  var scalars = text.scalars[...]
  while scalars.first == " " { scalars.removeFirst() }
  while scalars.last == " " { scalars.removeLast() }
  guard scalars.popFirst() == "{", scalars.popLast() == "}" else { throw malformed }
  if scalars.allSatisfy({ $0 == " " }) { return [] }
  var (steps, step, isQuoted, wasQuoted) = ([String](), Scalars(), false, false)
  func finish() throws(SQLError) {
    while !wasQuoted, step.first == " " { step.removeFirst() }
    while !wasQuoted, step.last == " " { step.removeLast() }
    if step.isEmpty && !wasQuoted { throw malformed }
    steps.append(String(scalars: step))
    (step, wasQuoted) = ([], false)
  }
  while let scalar = scalars.popFirst() {
    switch scalar {
    case "\"":
      isQuoted.toggle()
      wasQuoted = true
    case "\\":
      guard let next = scalars.popFirst() else { throw malformed }
      step.append(next)
    case "," where !isQuoted: try finish()
    case "{" where !isQuoted, "}" where !isQuoted: throw malformed
    default: step.append(scalar)
    }
  }
  if isQuoted { throw malformed }
  try finish()
  return steps
}

/// jsonb containment (PostgreSQL manual, 8.14.3).
private func contains(_ a: JSONValue, _ b: JSONValue, isTop: Bool) -> Bool {
  switch (a, b) {
  case (.object(let members), .object(let wanted)):
    let byName = Dictionary(members.map { (Array($0.name.utf8), $0.value) }, uniquingKeysWith: { $1 })
    return wanted.allSatisfy { member in
      byName[Array(member.name.utf8)].map { contains($0, member.value, isTop: false) } ?? false
    }
  case (.array(let elements), .array(let wanted)):
    return wanted.allSatisfy { element in elements.contains { contains($0, element, isTop: false) } }
  // An array may hold a scalar that stands by itself, at the top only.
  case (.array(let elements), _) where isTop && !b.isObject:
    return elements.contains { contains($0, b, isTop: false) }
  case (.null, .null): return true
  case (.bool(let x), .bool(let y)): return x == y
  case (.number(let x), .number(let y)): return Numeric(x) == Numeric(y)
  case (.string(let x), .string(let y)): return equalBytes(x, y)
  default: return false
  }
}

extension JSONValue {
  fileprivate var isObject: Bool { if case .object = self { true } else { false } }

  fileprivate var withoutNullMembers: JSONValue {
    switch self {
    case .object(let members):
      .object(
        members.compactMap { member in
          if case .null = member.value { return nil }
          return Member(name: member.name, value: member.value.withoutNullMembers)
        })
    case .array(let elements): .array(elements.map(\.withoutNullMembers))
    default: self
    }
  }
}

/// Without blanks, as `json_strip_nulls` writes it.
private func compactJSON(_ value: JSONValue) -> String {
  switch value {
  case .object(let members):
    "{" + members.map { quotedJSON($0.name) + ":" + compactJSON($0.value) }.joined(separator: ",") + "}"
  case .array(let elements): "[" + elements.map(compactJSON).joined(separator: ",") + "]"
  default: value.description
  }
}

func quotedJSON(_ text: String) -> String { JSONValue.string(text).description }

private func prettyJSON(_ value: JSONValue, indent: Int) -> String {
  let inner = String(repeating: "    ", count: indent + 1)
  let outer = String(repeating: "    ", count: indent)
  switch value {
  case .object(let members):
    if members.isEmpty { return "{\n\(outer)}" }
    let lines = members.map { inner + quotedJSON($0.name) + ": " + prettyJSON($0.value, indent: indent + 1) }
    return "{\n" + lines.joined(separator: ",\n") + "\n\(outer)}"
  case .array(let elements):
    if elements.isEmpty { return "[\n\(outer)]" }
    return "[\n" + elements.map { inner + prettyJSON($0, indent: indent + 1) }.joined(separator: ",\n") + "\n\(outer)]"
  default: return value.description
  }
}
