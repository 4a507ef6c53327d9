import CXXHash
import Keys
import Synchronization

/// The newest version of a document, as it is stored.
package struct NewestVersion: Hashable, Sendable {
  package var time: HybridTime
  package var writeID: UInt32
  /// A `VersionTag`, then what the tag says.
  package var value: [UInt8]

  package init(time: HybridTime, writeID: UInt32, value: [UInt8]) {
    self.time = time
    self.writeID = writeID
    self.value = value
  }

  /// Write ids tell versions of one time apart.
  fileprivate func isOlder(than time: HybridTime, _ writeID: UInt32) -> Bool {
    (self.time, self.writeID) < (time, writeID)
  }
}

/// The newest versions of documents that were asked for lately, of all stores of a node: a read that finds its document
/// here is spared a seek in the store, which costs some fifty times as much.
///
/// I-CACHE: what is found here is the newest version in the store, at some moment between the question and its answer.
/// Two rules give that. A store tells of each write after it has made it and before anybody is told (`Part.wrote`). And
/// who wants to keep what it finds in a store asks here first, for a `Permit`, and only then begins the cursor that it looks
/// with: the permit is void once anybody has written to the documents of the same stripe meanwhile.
///
/// It holds what was used since about `bytesMax` / 2 of other entries came: a full young half becomes the old one, and what
/// is used in the old one goes back to the young. A document is kept when it is missed for the second time, so that a pass
/// over a large table leaves no trace.
package final class RowCache: Sendable {
  /// Enough that two threads seldom want the same, and that the old half of one is let go of in little time.
  private static let stripeCount = 64
  /// What an entry takes beside its key and value: two array headers and a place in a dictionary.
  private static let entryOverhead = 160

  fileprivate struct Key: Hashable {
    /// Of the document, so that a dictionary need not go over all its bytes again.
    var hash: UInt64
    /// Of the store.
    var store: UInt32
    var document: [UInt8]

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
  }

  fileprivate struct State {
    var young: [Key: NewestVersion] = [:]
    var old: [Key: NewestVersion] = [:]
    var youngBytes = 0
    var oldBytes = 0
    /// How often documents of this stripe were written to.
    var writeCount: UInt64 = 0
    /// Parts of the hashes of documents that were missed, each at the place that another part of it tells.
    var missed = [UInt16](repeating: 0, count: 1024)
    var hits: UInt64 = 0
    var misses: UInt64 = 0
  }

  private final class Stripe: Sendable {
    let state = Mutex(State())
  }

  /// What was asked for, and may be kept if nobody has written meanwhile.
  package struct Permit: Sendable {
    fileprivate var key: Key
    fileprivate var writeCount: UInt64
  }

  package enum Answer: Sendable {
    case known(NewestVersion)
    /// Not here. With a permit, the one who asked should look for the newest version and bring it.
    case unknown(Permit?)
  }

  /// The entries of one store. A store that is opened again gets another part.
  package final class Part: Sendable {
    private let cache: RowCache
    private let number: UInt32
    /// Whether a permit was ever given: before that, writes concern nobody.
    private let isUsed = Atomic(false)

    fileprivate init(_ cache: RowCache, number: UInt32) {
      self.cache = cache
      self.number = number
    }

    /// The newest version of a document, if it is here.
    package func look(up document: [UInt8]) -> Answer {
      guard cache.halfBytes > 0 else { return .unknown(nil) }
      let answer = cache.look(up: Key(hash: Self.hash(of: document.span), store: number, document: document))
      if case .unknown(.some) = answer, !isUsed.load(ordering: .sequentiallyConsistent) {
        isUsed.store(true, ordering: .sequentiallyConsistent)
      }
      return answer
    }

    /// Keeps what was found in the store after the permit was given.
    package func keep(_ version: NewestVersion, by permit: Permit) { cache.keep(version, by: permit) }

    /// A batch is in the store now.
    func wrote(_ batch: borrowing WriteBatch) {
      guard isUsed.load(ordering: .sequentiallyConsistent) else { return }
      let bytes = batch.bytes
      for change in batch.changes where change.family == .regular && !change.isDeletion {
        let keyEnd = change.start + change.keyCount
        let stored = bytes.span.extracting(change.start + 1..<keyEnd)
        guard let time = VersionedKey.time(of: stored), let writeID = VersionedKey.writeID(of: stored) else { continue }
        let document = stored.extracting(..<(stored.count - VersionedKey.suffixByteCount))
        let key = Key(hash: Self.hash(of: document), store: number, document: Array(copying: document))
        cache.wrote(key, at: time, writeID, value: bytes[keyEnd..<keyEnd + change.valueCount])
      }
    }

    private static func hash(of document: Span<UInt8>) -> UInt64 {
      unsafe document.withUnsafeBufferPointer { unsafe XXH3_64bits($0.baseAddress, $0.count) }
    }
  }

  private let stripes: [Stripe]
  /// Of one half of a stripe.
  private let halfBytes: Int
  private let nextPart = Atomic<UInt32>(0)

  /// - Parameter bytesMax: keys, values and what the entries take beside them; at 0 nothing is kept.
  package init(bytesMax: Int) {
    stripes = (0..<Self.stripeCount).map { _ in Stripe() }
    halfBytes = bytesMax / 2 / Self.stripeCount
  }

  /// For a store that is being opened.
  package func part() -> Part { Part(self, number: nextPart.add(1, ordering: .relaxed).newValue) }

  private func stripe(of key: Key) -> Stripe { stripes[Int(truncatingIfNeeded: key.hash % UInt64(Self.stripeCount))] }

  private func look(up key: Key) -> Answer {
    // What makes room is freed after the lock.
    let (answer, _): (Answer, [Key: NewestVersion]) = stripe(of: key).state.withLock { state in
      if let version = state.young[key] {
        state.hits += 1
        return (.known(version), [:])
      }
      if let version = state.old.removeValue(forKey: key) {
        state.hits += 1
        state.oldBytes -= Self.byteCount(key, version)
        return (.known(version), state.add(version, at: key, halfBytes: halfBytes))
      }
      state.misses += 1
      return (.unknown(state.isMissedAgain(key.hash) ? Permit(key: key, writeCount: state.writeCount) : nil), [:])
    }
    return answer
  }

  private func keep(_ version: NewestVersion, by permit: Permit) {
    guard Self.byteCount(permit.key, version) <= halfBytes / 4 else { return }
    _ = stripe(of: permit.key).state.withLock { state in
      guard state.writeCount == permit.writeCount, state.young[permit.key] == nil, state.old[permit.key] == nil else {
        return [:]
      }
      return state.add(version, at: permit.key, halfBytes: halfBytes)
    }
  }

  private func wrote(_ key: Key, at time: HybridTime, _ writeID: UInt32, value: ArraySlice<UInt8>) {
    stripe(of: key).state.withLock { state in
      state.writeCount += 1
      // An older version than the newest is written where an index is filled.
      if let known = state.young[key], known.isOlder(than: time, writeID) {
        state.youngBytes += value.count - known.value.count
        state.young[key] = NewestVersion(time: time, writeID: writeID, value: Array(value))
      } else if let known = state.old[key], known.isOlder(than: time, writeID) {
        state.oldBytes += value.count - known.value.count
        state.old[key] = NewestVersion(time: time, writeID: writeID, value: Array(value))
      }
    }
  }

  fileprivate static func byteCount(_ key: Key, _ version: NewestVersion) -> Int {
    key.document.count + version.value.count + entryOverhead
  }

  package struct Counters: Sendable {
    /// Questions that were answered.
    package var hits: UInt64 = 0
    /// Questions that were not.
    package var misses: UInt64 = 0
    package var bytes = 0
  }

  package var counters: Counters {
    var counters = Counters()
    for stripe in stripes {
      stripe.state.withLock { state in
        counters.hits += state.hits
        counters.misses += state.misses
        counters.bytes += state.youngBytes + state.oldBytes
      }
    }
    return counters
  }
}

extension RowCache.State {
  /// - Returns: what has to make room.
  fileprivate mutating func add(
    _ version: NewestVersion, at key: RowCache.Key, halfBytes: Int
  ) -> [RowCache.Key: NewestVersion] {
    young[key] = version
    youngBytes += RowCache.byteCount(key, version)
    guard youngBytes > halfBytes else { return [:] }
    let dropped = old
    (old, oldBytes) = (young, youngBytes)
    (young, youngBytes) = ([:], 0)
    return dropped
  }

  /// Whether a document was missed before, as far as is remembered.
  fileprivate mutating func isMissedAgain(_ hash: UInt64) -> Bool {
    let place = Int(truncatingIfNeeded: hash >> 16) % missed.count
    let mark = UInt16(truncatingIfNeeded: hash >> 32) | 1
    if missed[place] == mark { return true }
    missed[place] = mark
    return false
  }
}
