import Values

extension FunctionCatalog.Tables {
  mutating func defineJSONConstruction() {
    typed(3176, "to_json", [.unknown], .json, isStrict: true) { (values, types, context) throws(SQLError) in
      .json(try jsonText(try values.argument(0), types[0], context))
    }
    typed(3787, "to_jsonb", [.unknown], .jsonb, isStrict: true) { (values, types, context) throws(SQLError) in
      .jsonb(try JSONB.canonical(try jsonText(try values.argument(0), types[0], context)))
    }
    let builders: [(TypeKind, object: (UInt32, UInt32), array: (UInt32, UInt32))] = [
      (.json, (3200, 3201), (3198, 3199)), (.jsonb, (3273, 3274), (3271, 3272)),
    ]
    for (type, object, array) in builders {
      typed(object.0, "\(type)_build_object", [.unknown], type, isVariadic: true) {
        (values, types, context) throws(SQLError) in try finished(try objectText(values, types, context), type)
      }
      typed(object.1, "\(type)_build_object", [], type) { (_, _, _) throws(SQLError) in try finished("{}", type) }
      typed(array.0, "\(type)_build_array", [.unknown], type, isVariadic: true) {
        (values, types, context) throws(SQLError) in
        var elements: [String] = []
        for (value, type) in zip(values, types) { elements.append(try jsonText(value, type, context)) }
        return try finished("[" + elements.joined(separator: ", ") + "]", type)
      }
      typed(array.1, "\(type)_build_array", [], type) { (_, _, _) throws(SQLError) in try finished("[]", type) }
    }
  }
}

private func finished(_ text: String, _ type: TypeKind) throws(SQLError) -> Datum {
  type == .json ? .json(text) : .jsonb(try JSONB.canonical(text))
}

/// Names and values in turn.
private func objectText(
  _ values: [Datum], _ types: [SQLType], _ context: EvaluationContext
) throws(SQLError) -> String {
  guard values.count.isMultiple(of: 2) else {
    throw SQLError(
      .invalidParameterValue, "argument list must have even number of elements",
      hint: "The arguments of json_build_object() must consist of alternating keys and values.")
  }
  var members: [String] = []
  for index in stride(from: 0, to: values.count, by: 2) {
    if values[index].isNull {
      throw SQLError(
        .invalidParameterValue, "argument \(index + 1) cannot be null",
        hint: "Object keys should be text.")
    }
    let name = quotedJSON(jsonPlainText(values[index], types[index], context))
    members.append("\(name) : \(try jsonText(values[index + 1], types[index + 1], context))")
  }
  return "{" + members.joined(separator: ", ") + "}"
}

/// A value of any type in JSON: numbers and truth values as such, JSON as it is, times in ISO 8601, all else as text.
func jsonText(_ value: Datum, _ type: SQLType, _ context: EvaluationContext) throws(SQLError) -> String {
  switch value {
  case .null: return "null"
  case .bool(let flag): return flag ? "true" : "false"
  case .json(let text), .jsonb(let text): return text
  case .int2, .int4, .int8: return outputText(value, type, context)
  case .float4, .float8, .numeric:
    let text = outputText(value, type, context)
    // NaN and the infinities are no JSON numbers.
    return text.utf8.allSatisfy { $0 != UInt8(ascii: "N") && $0 != UInt8(ascii: "I") } ? text : quotedJSON(text)
  default: return quotedJSON(jsonPlainText(value, type, context))
  }
}

/// The text inside the quotes.
private func jsonPlainText(_ value: Datum, _ type: SQLType, _ context: EvaluationContext) -> String {
  switch value {
  case .bool(let flag): return flag ? "true" : "false"
  case .date, .timestamp, .timestampTZ:
    var settings = context.settings
    settings.dateStyle = .iso
    let text = TextFormat.text(value, as: type, settings: settings)
    guard case .date = value else {
      // `2024-01-02T03:04:05`, and the zone with its minutes.
      let joined = text.split(separator: " ", maxSplits: 1).joined(separator: "T")
      guard case .timestampTZ = value, let sign = joined.lastIndex(where: { $0 == "+" || $0 == "-" }),
        joined.contains("T"), joined[sign...].utf8.count == 3
      else { return joined }
      return joined + ":00"
    }
    return text
  default: return outputText(value, type, context)
  }
}
