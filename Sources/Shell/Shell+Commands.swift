import PostgresClient

/// The backslash commands.
extension Shell {
  private static let help = """
    General
      \\q                     end
      \\? | \\h                this help
      \\timing [on|off]       show how long each statement takes
      \\x [on|off]            a record under the other

    Query buffer
      \\p                     show the unfinished statement
      \\r                     drop the unfinished statement

    Input and output
      \\i FILE                run a script
      \\echo TEXT             write TEXT
      \\pset null TEXT        show null as TEXT

    What there is
      \\d                     tables and views
      \\d NAME                one table's columns and key
      \\dt                    tables
      \\dn                    schemas
      \\l                     databases
      \\nodes                 the cluster's nodes
      \\tablets [TABLE]       tablets, their leaders and replicas

    Connection
      \\c [HOST:PORT]         connect anew, or to another node
      \\conninfo              where the session is

    """

  func runCommand(_ line: String) {
    let words = Self.words(line)
    guard let first = words.first else { return }
    let arguments = Array(words.dropFirst())
    let argument = arguments.first
    switch first {
    case "\\q", "\\quit": wantsToQuit = true
    case "\\?", "\\h", "\\help": Terminal.write(Self.help)
    case "\\timing":
      if toggle(&isTiming, argument, first) { say("Timing is \(isTiming ? "on" : "off").") }
    case "\\x":
      if toggle(&table.isExpanded, argument, first) { say("Expanded display is \(table.isExpanded ? "on" : "off").") }
    case "\\pset" where argument == "null":
      table.null = arguments.dropFirst().first ?? ""
      say("Null display is \"\(table.null)\".")
    case "\\echo": Terminal.write(arguments.joined(separator: " ") + "\n")
    case "\\i", "\\include":
      if let argument { _ = runScript(argument) } else { fail("\\i: missing required argument") }
    case "\\r", "\\p": break
    case "\\c", "\\connect": reconnect(arguments)
    case "\\conninfo":
      say(
        "You are connected to database \"\(target.database)\" as user \"\(target.user)\" on host \"\(target.host)\" "
          + "at port \"\(target.port)\".")
    case "\\d", "\\d+":
      if let argument { describe(argument) } else { listRelations(tablesOnly: false) }
    case "\\dt", "\\dt+": listRelations(tablesOnly: true)
    case "\\dn": listSchemas()
    case "\\l", "\\l+": listDatabases()
    case "\\nodes": listNodes()
    case "\\tablets": listTablets(of: argument)
    default: fail("invalid command \(first)\nTry \\? for help.")
    }
  }

  private func say(_ text: String) { Terminal.write(text + "\n") }

  private func toggle(_ flag: inout Bool, _ argument: String?, _ command: String) -> Bool {
    switch argument?.lowercased() {
    case nil: flag.toggle()
    case "on", "true", "1", "yes": flag = true
    case "off", "false", "0", "no": flag = false
    case .some(let other):
      fail("unrecognized value \"\(other)\" for \"\(command)\": Boolean expected")
      return false
    }
    return true
  }

  /// Words at blanks; single quotes hold one together, a semicolon at the end is dropped as psql does.
  static func words(_ line: String) -> [String] {
    var words: [String] = []
    var word: String?
    var isQuoted = false
    for character in line {
      if character == "'" {
        isQuoted.toggle()
        word = word ?? ""
      } else if character.isWhitespace, !isQuoted {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let done = word { words.append(done) }
    if let last = words.last, last.hasSuffix(";"), !isQuoted {
      words[words.count - 1] = String(last.dropLast())
      if words.last?.isEmpty == true { words.removeLast() }
    }
    return words
  }

  /// `\c`, `\c HOST:PORT`, `\c PORT`, or psql's `\c DATABASE USER HOST PORT` with `-` for what stays.
  private func reconnect(_ arguments: [String]) {
    var wanted = target
    if arguments.count == 1, let place = arguments.first, let port = Int(place) {
      wanted.port = port
    } else if arguments.count == 1, let place = arguments.first, let colon = place.lastIndex(of: ":"),
      let port = Int(place[place.index(after: colon)...])
    {
      wanted.host = String(place[..<colon])
      wanted.port = port
    } else {
      for (index, argument) in arguments.enumerated() where argument != "-" {
        switch index {
        case 0: wanted.database = argument
        case 1: wanted.user = argument
        case 2: wanted.host = argument
        default:
          guard let port = Int(argument) else { return fail("invalid port number \"\(argument)\"") }
          wanted.port = port
        }
      }
    }
    let (old, oldTarget) = (connection, target)
    target = wanted
    guard connect() else {
      (connection, target) = (old, oldTarget)
      return fail(old == nil ? "not connected" : "Previous connection kept")
    }
    say(
      "You are now connected to database \"\(target.database)\" as user \"\(target.user)\" on host \"\(target.host)\" "
        + "at port \"\(target.port)\".")
  }
}
