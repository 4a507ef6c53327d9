import Testing
import Values

@Suite("Type catalog")
struct TypeCatalogTests {
  @Test("Names lead to types, and types to names, as format_type has them")
  func names() throws {
    for (name, modifiers, expected) in [
      ("int", [], "integer"), ("decimal", [10, 2], "numeric(10,2)"), ("numeric", [5], "numeric(5,0)"),
      ("varchar", [3], "character varying(3)"), ("bpchar", [3], "character(3)"),
      ("timestamptz", [3], "timestamp(3) with time zone"), ("time", [0], "time(0) without time zone"),
      ("interval", [6], "interval(6)"), ("bigserial", [], "bigint"), ("double precision", [], "double precision"),
    ] as [(String, [Int], String)] {
      let type = try TypeCatalog.named(name, modifiers: modifiers)
      #expect(TypeCatalog.format(type) == expected)
      #expect(TypeCatalog.type(type.kind, typmod: TypeCatalog.typmod(type)) == type)
    }
    #expect(TypeCatalog.typmod(SQLType(.varchar, .length(10))) == 14)
    #expect(TypeCatalog.typmod(SQLType(.numeric, .precisionScale(10, 2))) == 655_366)
    let negative = SQLType(.numeric, .precisionScale(10, -2))
    #expect(TypeCatalog.type(.numeric, typmod: TypeCatalog.typmod(negative)) == negative)
    #expect(TypeCatalog.typmod(.text) == -1)
  }

  @Test("Object ids are PostgreSQL's, each its own")
  func objectIDs() {
    for kind in TypeKind.allCases { #expect(TypeCatalog.kind(oid: TypeCatalog.entry(kind).oid) == kind) }
    #expect(TypeCatalog.entry(.jsonb).oid == 3802 && TypeCatalog.entry(.jsonb).arrayOID == 3807)
    #expect(TypeCatalog.kind(oid: 1) == nil)
  }

  @Test("Unknown names and senseless modifiers are errors")
  func errors() {
    func named(_ name: String, _ modifiers: [Int]) -> String {
      outcome { () throws(SQLError) in TypeCatalog.format(try TypeCatalog.named(name, modifiers: modifiers)) }
    }
    #expect(named("nope", []) == "ERR 42704 type \"nope\" does not exist")
    #expect(named("varchar", [0]) == "ERR 22023 length for type varchar must be at least 1")
    #expect(named("numeric", [1001]) == "ERR 22023 NUMERIC precision 1001 must be between 1 and 1000")
    #expect(named("int4", [3]) == "ERR 42601 type modifier is not allowed for type \"int4\"")
  }
}
