/// The order of many keys at once.
package enum KeyOrder {
  /// The places of `keys` in byte order; equal keys stay in their order.
  ///
  /// Most pairs are told apart by eight bytes that are taken out of each key once, so that the sort touches no array.
  /// - Parameter shared: so many bytes at the beginning are the same in all keys.
  package static func places(of keys: [[UInt8]], sharedCount shared: Int) -> [Int] {
    var entries: [Entry] = []
    entries.reserveCapacity(keys.count)
    for place in keys.indices { entries.append(Entry(lead: lead(of: keys[place], from: shared), place: place)) }
    entries.sort { a, b in
      if a.lead != b.lead { return a.lead < b.lead }
      if KeyRange.isLess(keys[a.place], keys[b.place]) { return true }
      return keys[a.place] == keys[b.place] && a.place < b.place
    }
    return entries.map(\.place)
  }

  private struct Entry {
    var lead: UInt64
    var place: Int
  }

  /// Eight bytes of a key as a number that orders like them; a key that ends before counts as if zeros followed.
  private static func lead(of key: [UInt8], from start: Int) -> UInt64 {
    var lead: UInt64 = 0
    for index in start..<start + 8 { lead = lead << 8 | (index < key.count ? UInt64(key[index]) : 0) }
    return lead
  }
}
