import Values

/// A SIMILAR TO pattern as a regular expression (PostgreSQL manual, 9.7.2): `%` is any text, `_` any character; the
/// escape character quotes; all other signs mean what they do in regular expressions, dots and anchors aside.
/// - Throws: 22025 for an escape of several characters or at the end.
func similarPattern(_ pattern: String, escape: String) throws(SQLError) -> String {
  guard escape.unicodeScalars.count <= 1 else {
    throw SQLError("22019", "invalid escape string", hint: "Escape string must be empty or one character.")
  }
  let escape = escape.unicodeScalars.first
  var result = "^(?:"
  var (isQuoted, isInBracket) = (false, false)
  for scalar in pattern.unicodeScalars {
    if isQuoted {
      isQuoted = false
      if ScalarSet.holds(.alnum, scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += "\\" + String(scalar)
      }
      continue
    }
    if scalar == escape {
      isQuoted = true
      continue
    }
    if isInBracket {
      if scalar == "]" { isInBracket = false }
      result += scalar == "\\" ? "\\\\" : String(scalar)
      continue
    }
    switch scalar {
    case "%": result += ".*"
    case "_": result += "."
    case "(": result += "(?:"
    case "[":
      isInBracket = true
      result += "["
    case "\\", ".", "^", "$": result += "\\" + String(scalar)
    default: result.unicodeScalars.append(scalar)
    }
  }
  if isQuoted { throw SQLError("22025", "SIMILAR TO pattern must not end with escape character") }
  return result + ")$"
}
