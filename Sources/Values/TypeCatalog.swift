/// What PostgreSQL's catalogs say of each type: `pg_type` of PostgreSQL 15, and the names that SQL takes.
package enum TypeCatalog {
  package struct Entry: Sendable {
    package var kind: TypeKind
    /// `pg_type.oid`.
    package var oid: UInt32
    /// The object id of the array type; 0 where there is none.
    package var arrayOID: UInt32
    /// `pg_type.typname`: `int4`.
    package var internalName: String
    /// As `format_type` gives it: `integer`.
    package var sqlName: String
    /// `pg_type.typlen` in bytes; −1 for variable, −2 for a C string.
    package var length: Int16
    /// `pg_type.typcategory`.
    package var category: Character
    /// `pg_type.typispreferred`.
    package var isPreferred: Bool

    init(
      _ kind: TypeKind, _ oid: UInt32, _ arrayOID: UInt32, _ internalName: String, _ sqlName: String, _ length: Int16,
      _ category: Character, preferred: Bool = false
    ) {
      self.kind = kind
      self.oid = oid
      self.arrayOID = arrayOID
      self.internalName = internalName
      self.sqlName = sqlName
      self.length = length
      self.category = category
      isPreferred = preferred
    }
  }

  package static func entry(_ kind: TypeKind) -> Entry {
    switch kind {
    case .boolean: boolean
    case .int2: int2
    case .int4: int4
    case .int8: int8
    case .float4: float4
    case .float8: float8
    case .numeric: numeric
    case .text: text
    case .varchar: varchar
    case .char: char
    case .bytea: bytea
    case .uuid: uuid
    case .date: date
    case .time: time
    case .timestamp: timestamp
    case .timestampTZ: timestampTZ
    case .interval: interval
    case .json: json
    case .jsonb: jsonb
    case .oid: oid
    case .name: name
    case .void: void
    case .unknown: unknown
    }
  }

  private static let boolean = Entry(.boolean, 16, 1000, "bool", "boolean", 1, "B", preferred: true)
  private static let int2 = Entry(.int2, 21, 1005, "int2", "smallint", 2, "N")
  private static let int4 = Entry(.int4, 23, 1007, "int4", "integer", 4, "N")
  private static let int8 = Entry(.int8, 20, 1016, "int8", "bigint", 8, "N")
  private static let float4 = Entry(.float4, 700, 1021, "float4", "real", 4, "N")
  private static let float8 = Entry(.float8, 701, 1022, "float8", "double precision", 8, "N", preferred: true)
  private static let numeric = Entry(.numeric, 1700, 1231, "numeric", "numeric", -1, "N")
  private static let text = Entry(.text, 25, 1009, "text", "text", -1, "S", preferred: true)
  private static let varchar = Entry(.varchar, 1043, 1015, "varchar", "character varying", -1, "S")
  private static let char = Entry(.char, 1042, 1014, "bpchar", "character", -1, "S")
  private static let bytea = Entry(.bytea, 17, 1001, "bytea", "bytea", -1, "U")
  private static let uuid = Entry(.uuid, 2950, 2951, "uuid", "uuid", 16, "U")
  private static let date = Entry(.date, 1082, 1182, "date", "date", 4, "D")
  private static let time = Entry(.time, 1083, 1183, "time", "time without time zone", 8, "D")
  private static let timestamp = Entry(.timestamp, 1114, 1115, "timestamp", "timestamp without time zone", 8, "D")
  private static let timestampTZ = Entry(
    .timestampTZ, 1184, 1185, "timestamptz", "timestamp with time zone", 8, "D", preferred: true)
  private static let interval = Entry(.interval, 1186, 1187, "interval", "interval", 16, "T", preferred: true)
  private static let json = Entry(.json, 114, 199, "json", "json", -1, "U")
  private static let jsonb = Entry(.jsonb, 3802, 3807, "jsonb", "jsonb", -1, "U")
  private static let oid = Entry(.oid, 26, 1028, "oid", "oid", 4, "N", preferred: true)
  private static let name = Entry(.name, 19, 1003, "name", "name", 64, "S")
  private static let void = Entry(.void, 2278, 0, "void", "void", 4, "P")
  private static let unknown = Entry(.unknown, 705, 0, "unknown", "unknown", -2, "X")

  private static let kindByOID = Dictionary(uniqueKeysWithValues: TypeKind.allCases.map { (entry($0).oid, $0) })

  /// The type with an object id, or nil.
  package static func kind(oid: UInt32) -> TypeKind? { kindByOID[oid] }

  /// As PostgreSQL's `format_type`: `character varying(10)`, `timestamp(3) without time zone`.
  package static func format(_ type: SQLType) -> String {
    let name = entry(type.kind).sqlName
    switch type.modifier {
    case .none: return type.kind == .char ? "bpchar" : name
    case .length(let length): return "\(name)(\(length))"
    case .precisionScale(let precision, let scale): return "\(name)(\(precision),\(scale))"
    case .fraction(let digits):
      guard let space = name.firstIndex(of: " ") else { return "\(name)(\(digits))" }
      return "\(name[..<space])(\(digits))\(name[space...])"
    }
  }
}

// MARK: - Names

extension TypeCatalog {
  private static let kindByName: [String: TypeKind] = {
    var kinds: [String: TypeKind] = [:]
    for kind in TypeKind.allCases {
      kinds[entry(kind).internalName] = kind
      kinds[entry(kind).sqlName] = kind
    }
    kinds.merge(
      [
        "int": .int4, "decimal": .numeric, "dec": .numeric, "float": .float8, "char": .char, "serial": .int4,
        "serial4": .int4, "bigserial": .int8, "serial8": .int8, "smallserial": .int2, "serial2": .int2,
        "string": .text, "regclass": .oid, "regtype": .oid,
      ], uniquingKeysWith: { kind, _ in kind })
    kinds["regclass"] = nil
    kinds["regtype"] = nil
    kinds["string"] = nil
    return kinds
  }()

  /// Whether the name is one of the serial shorthands, which stand for an integer with a sequence.
  package static func isSerial(_ name: String) -> Bool {
    ["serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"].contains(name)
  }

  /// Finds a type by its internal name, its SQL name or an alias, in lower case as the parser yields it.
  ///
  /// `char` and `character` without a length are `char(1)` where the parser says so by a modifier; `bpchar` is not.
  /// - Throws: 42704 for an unknown name, 22023 and 42601 for modifiers that the type does not take.
  package static func named(_ name: String, modifiers: [Int] = []) throws(SQLError) -> SQLType {
    guard let kind = kindByName[name] else { throw SQLError(.undefinedObject, "type \"\(name)\" does not exist") }
    guard let first = modifiers.first else { return SQLType(kind) }
    func onlyOne() throws(SQLError) {
      if modifiers.count > 1 { throw SQLError(.invalidParameterValue, "invalid type modifier") }
    }
    switch kind {
    case .varchar, .char:
      try onlyOne()
      let shown = kind == .char ? "char" : "varchar"
      if first < 1 { throw SQLError(.invalidParameterValue, "length for type \(shown) must be at least 1") }
      if first > lengthMax {
        throw SQLError(.invalidParameterValue, "length for type \(shown) cannot exceed \(lengthMax)")
      }
      return SQLType(kind, .length(Int32(first)))
    case .numeric:
      let scale = modifiers.count > 1 ? modifiers[1] : 0
      guard modifiers.count <= 2 else { throw SQLError(.invalidParameterValue, "invalid NUMERIC type modifier") }
      guard (1...1000).contains(first) else {
        throw SQLError(.invalidParameterValue, "NUMERIC precision \(first) must be between 1 and 1000")
      }
      guard (-1000...1000).contains(scale) else {
        throw SQLError(.invalidParameterValue, "NUMERIC scale \(scale) must be between -1000 and 1000")
      }
      return SQLType(kind, .precisionScale(Int32(first), Int32(scale)))
    case .time, .timestamp, .timestampTZ, .interval:
      try onlyOne()
      if first < 0 {
        let shown = kind == .interval ? "INTERVAL" : kind == .time ? "TIME" : "TIMESTAMP"
        let zone = kind == .timestampTZ ? " WITH TIME ZONE" : ""
        throw SQLError(.invalidParameterValue, "\(shown)(\(first))\(zone) precision must not be negative")
      }
      // PostgreSQL warns and takes 6 for more.
      return SQLType(kind, .fraction(Int32(min(first, 6))))
    default:
      throw SQLError(.syntaxError, "type modifier is not allowed for type \"\(entry(kind).internalName)\"")
    }
  }

  /// The greatest `n` of `varchar(n)`.
  package static let lengthMax = 10_485_760
}

// MARK: - pg_attribute.atttypmod

extension TypeCatalog {
  private static let intervalFullRange: Int32 = 0x7fff

  /// The modifier as PostgreSQL's integer; −1 for none.
  package static func typmod(_ type: SQLType) -> Int32 {
    switch type.modifier {
    case .none: -1
    case .length(let length): length &+ 4
    case .precisionScale(let precision, let scale): ((precision << 16) | (scale & 0x7ff)) &+ 4
    case .fraction(let digits): type.kind == .interval ? (intervalFullRange << 16) | digits : digits
    }
  }

  /// Reads a modifier as PostgreSQL's integer; what makes no sense for the type is taken as none.
  package static func type(_ kind: TypeKind, typmod: Int32) -> SQLType {
    switch kind {
    case .varchar where typmod > 4, .char where typmod > 4: return SQLType(kind, .length(typmod - 4))
    case .numeric where typmod >= 4:
      let value = typmod - 4
      let scale = ((value & 0x7ff) ^ 1024) - 1024
      return SQLType(kind, .precisionScale((value >> 16) & 0xffff, scale))
    case .interval where typmod >= 0 && (0...6).contains(typmod & 0xffff):
      return SQLType(kind, .fraction(typmod & 0xffff))
    case .time where (0...6).contains(typmod), .timestamp where (0...6).contains(typmod),
      .timestampTZ where (0...6).contains(typmod):
      return SQLType(kind, .fraction(typmod))
    default: return SQLType(kind)
    }
  }
}
