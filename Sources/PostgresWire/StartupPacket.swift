import NIOCore
import Values

/// What a client sends first, before messages have a type byte (PostgreSQL manual, 55.7).
package enum StartupPacket: Hashable, Sendable {
  /// `SSLRequest` or `GSSENCRequest`.
  case encryption(Encryption)
  case cancel(CancelKey)
  case start(StartupRequest)

  package enum Encryption: UInt32, Hashable, Sendable {
    case tls = 80_877_103  // 1234.5679
    case gss = 80_877_104  // 1234.5680
  }

  static let cancelCode: UInt32 = 80_877_102  // 1234.5678

  /// - Parameter packet: everything behind the length field, at least four bytes.
  init(reading packet: inout ByteBuffer) throws(WireViolation) {
    guard let code = packet.readInteger(as: UInt32.self) else {
      throw WireViolation(SQLError(.protocolViolation, "invalid length of startup packet"), isSilent: true)
    }
    if let encryption = Encryption(rawValue: code) {
      self = .encryption(encryption)
    } else if code == Self.cancelCode {
      guard packet.readableBytes == 8, let process = packet.readInteger(as: Int32.self),
        let secret = packet.readInteger(as: UInt32.self)
      else { throw WireViolation(SQLError(.protocolViolation, "invalid length of cancel request"), isSilent: true) }
      self = .cancel(CancelKey(processID: process, secret: secret))
    } else {
      self = .start(try StartupRequest(version: code, reading: &packet))
    }
  }
}

/// A `StartupMessage`, checked and brought into one form.
package struct StartupRequest: Hashable, Sendable {
  package var minorVersion: UInt16
  package var user: String
  /// The user's name where the client gave none.
  package var database: String
  /// The other parameters in order, those of `options` first, names in lower case; `client_encoding` as `UTF8`.
  package var settings: [Setting]
  /// Protocol options (`_pq_.…`) that this server does not know: all of them.
  package var unknownOptions: [String]

  package struct Setting: Hashable, Sendable {
    package var name: String
    package var value: String
  }

  init(version: UInt32, reading packet: inout ByteBuffer) throws(WireViolation) {
    let (major, minor) = (version >> 16, UInt16(truncatingIfNeeded: version))
    guard major == 3 else {
      throw WireViolation(
        SQLError(.featureNotSupported, "unsupported frontend protocol \(major).\(minor): server supports 3.0"))
    }
    let parameters: [Setting]
    do {
      parameters = try Self.readParameters(packet)
    } catch {
      throw WireViolation(error)
    }
    do {
      self = try StartupRequest(minorVersion: minor, parameters: parameters)
    } catch {
      throw WireViolation(error)
    }
  }

  private static func readParameters(_ packet: ByteBuffer) throws(SQLError) -> [Setting] {
    let layout = SQLError(
      .protocolViolation, "invalid startup packet layout: expected terminator as last byte")
    var reader = MessageReader(packet)
    var parameters: [Setting] = []
    while true {
      if reader.bytesLeft == 0 { throw layout }
      let name = try reader.string()
      if name.isEmpty { break }
      if reader.bytesLeft == 0 { throw layout }
      parameters.append(Setting(name: name, value: try reader.string()))
    }
    guard reader.bytesLeft == 0 else { throw layout }
    return parameters
  }

  /// - Throws: 28000 without a user, 22023 for another encoding than UTF-8, 42601 for options that cannot be read.
  package init(minorVersion: UInt16, parameters: [Setting]) throws(SQLError) {
    self.minorVersion = minorVersion
    var (user, database) = ("", "")
    var (fromOptions, given): ([Setting], [Setting]) = ([], [])
    unknownOptions = []
    for parameter in parameters {
      let name = parameter.name.lowercased()
      switch name {
      case "user": user = parameter.value
      case "database": database = parameter.value
      case "options": fromOptions = try StartupOptions.parse(parameter.value)
      case "replication":
        guard ["false", "off", "no", "0"].contains(parameter.value.lowercased()) else {
          throw SQLError(.featureNotSupported, "replication connections are not supported")
        }
      case _ where name.hasPrefix("_pq_."): unknownOptions.append(parameter.name)
      default: given.append(Setting(name: name, value: parameter.value))
      }
    }
    guard !user.isEmpty else {
      throw SQLError("28000", "no PostgreSQL user name specified in startup packet")
    }
    self.user = user
    self.database = database.isEmpty ? user : database
    settings = fromOptions + given
    for index in settings.indices where settings[index].name == "client_encoding" {
      settings[index].value = try Self.encoding(settings[index].value)
    }
  }

  /// asyncpg writes `'utf-8'` with the quotes; PostgreSQL compares letters and digits only.
  private static func encoding(_ value: String) throws(SQLError) -> String {
    let name = value.lowercased().unicodeScalars.filter { ("a"..."z").contains($0) || ("0"..."9").contains($0) }
    guard ["utf8", "unicode"].contains(String(String.UnicodeScalarView(name))) else {
      throw SQLError(
        .invalidParameterValue, "invalid value for parameter \"client_encoding\": \"\(value)\"",
        hint: "This server speaks UTF8 only.")
    }
    return "UTF8"
  }
}

/// The startup parameter `options`: a server command line.
enum StartupOptions {
  /// Reads `-c name=value`, `-cname=value` and `--name=value`.
  /// - Throws: 42601 for anything else.
  static func parse(_ text: String) throws(SQLError) -> [StartupRequest.Setting] {
    var settings: [StartupRequest.Setting] = []
    var words = split(text)[...]
    while let word = words.popFirst() {
      let assignment: Substring
      if word == "-c", let next = words.popFirst() {
        assignment = next[...]
      } else if word.hasPrefix("--") || (word.hasPrefix("-c") && word != "-c") {
        assignment = word.dropFirst(2)
      } else {
        throw invalid(word)
      }
      guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else { throw invalid(word) }
      let name = assignment[..<equals].lowercased().map { $0 == "-" ? "_" : $0 }
      settings.append(.init(name: String(name), value: String(assignment[assignment.index(after: equals)...])))
    }
    return settings
  }

  private static func invalid(_ word: String) -> SQLError {
    SQLError(.syntaxError, "invalid command-line argument for server process: \(word)")
  }

  /// Words between white space; a backslash takes the next character as it is.
  private static func split(_ text: String) -> [String] {
    var words: [String] = []
    var word: String?
    var isEscaped = false
    for scalar in text.unicodeScalars {
      if isEscaped {
        word = (word ?? "") + String(scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else if scalar.properties.isWhitespace {
        if let word { words.append(word) }
        word = nil
      } else {
        word = (word ?? "") + String(scalar)
      }
    }
    if let word { words.append(word) }
    return words
  }
}
