import Values

extension FunctionCatalog.Tables {
  mutating func defineSystemFunctions() {
    typed(1619, "pg_typeof", [.unknown], .text) { _, types, _ in
      .text((types.first ?? .unknown).kind.sqlName)
    }
    general(3432, "gen_random_uuid", [], .uuid, .volatile) { _, context in
      // RFC 4122, 4.4: version 4, variant 10.
      let (high, low) = (context.random(), context.random())
      return .uuid(UUIDValue(high: high & ~0xf000 | 0x4000, low: low & ~(3 << 62) | 1 << 63))
    }
  }
}
