import Keys
import Operations
import Storage

/// Looks for versions of a span of time, whatever they say: what a serializable transaction must not find in what it read.
package struct ChangeSearch {
  private let store: any Store

  package init(store: any Store) { self.store = store }

  /// Whether a document of the selection has a version later than `after` and not later than `through`.
  package func hasChange(
    in selection: KeySelection, after: HybridTime, through: HybridTime
  ) throws(DocStoreError) -> Bool {
    do throws(StorageError) {
      switch selection {
      case .points(let keys):
        for key in keys {
          let cursor = try store.versions(.regular, of: key, notAfter: through)
          if cursor.isValid, try Self.time(cursor) > after { return true }
        }
      case .ranges(let ranges):
        for range in ranges where !range.isEmpty {
          var cursor = try store.cursor(.regular, lower: range.lower, upper: range.upper, pointPrefix: nil)
          while cursor.isValid {
            let time = try Self.time(cursor)
            if time > after, time <= through { return true }
            try cursor.next()
          }
        }
      }
      return false
    } catch {
      throw .storage(error)
    }
  }

  private static func time(_ cursor: borrowing Cursor) throws(StorageError) -> HybridTime {
    guard let time = VersionedKey.time(of: cursor.keySpan) else { throw .corrupt("a version's key is too short") }
    return time
  }
}
