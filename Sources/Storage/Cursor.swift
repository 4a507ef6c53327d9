import Keys

/// A place in the key order of one family, over the contents that the store had when it was made. Letting go of it frees
/// what it holds; while it lives it keeps old files and memtables alive, so let go soon.
///
/// Every move throws `corrupt` where bytes cannot be read back: damage never looks like the end. Use it on one thread.
package struct Cursor: ~Copyable {
  /// One of two classes rather than a protocol: calls stay direct.
  enum Position {
    case rocksDB(RocksDBIterator)
    case memory(MemoryIterator)
  }
  private let position: Position
  /// Whether the cursor stands on a key. False once it has run out of keys on either side.
  package private(set) var isValid: Bool

  init(_ position: Position) {
    self.position = position
    isValid =
      switch position {
      case .rocksDB(let iterator): iterator.isValid
      case .memory(let iterator): iterator.isValid
      }
  }

  /// Moves to the first key at or after `key` within the cursor's range.
  package mutating func seek(to key: [UInt8]) throws(StorageError) {
    isValid = false
    switch position {
    case .rocksDB(let iterator): isValid = try iterator.seek(to: key)
    case .memory(let iterator): isValid = try iterator.seek(to: key)
    }
  }

  /// Moves to the newest version of a document at or before `time`; the cursor is not valid where there is none.
  package mutating func seek(toVersionOf document: [UInt8], notAfter time: HybridTime) throws(StorageError) {
    try seek(to: VersionedKey.encode(document: document, time: time, writeID: .max))
    if isValid, !VersionedKey.isVersion(keySpan, of: document) { isValid = false }
  }

  /// Moves to the last key before `key` within the cursor's range. Not for cursors with a `pointPrefix`.
  package mutating func seek(before key: [UInt8]) throws(StorageError) {
    isValid = false
    switch position {
    case .rocksDB(let iterator): isValid = try iterator.seek(before: key)
    case .memory(let iterator): isValid = try iterator.seek(before: key)
    }
  }

  /// Moves to the last key of the cursor's range. Not for cursors with a `pointPrefix`.
  package mutating func seekToLast() throws(StorageError) {
    isValid = false
    switch position {
    case .rocksDB(let iterator): isValid = try iterator.seekToLast()
    case .memory(let iterator): isValid = try iterator.seekToLast()
    }
  }

  /// Moves to the next key. The cursor must be valid.
  package mutating func next() throws(StorageError) {
    precondition(isValid, "a cursor that has run out has no next key")
    isValid = false
    switch position {
    case .rocksDB(let iterator): isValid = try iterator.next()
    case .memory(let iterator): isValid = try iterator.next()
    }
  }

  /// Moves to the previous key. The cursor must be valid. Not for cursors with a `pointPrefix`.
  package mutating func previous() throws(StorageError) {
    precondition(isValid, "a cursor that has run out has no previous key")
    isValid = false
    switch position {
    case .rocksDB(let iterator): isValid = try iterator.previous()
    case .memory(let iterator): isValid = try iterator.previous()
    }
  }

  /// The key where it lies, not a copy; gone at the next move. The cursor must be valid.
  package var keySpan: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      precondition(isValid, "no key under the cursor")
      switch position {
      case .rocksDB(let iterator): return unsafe _overrideLifetime(iterator.key, borrowing: self)
      case .memory(let iterator): return unsafe _overrideLifetime(iterator.key, borrowing: self)
      }
    }
  }

  /// The value where it lies, not a copy; gone at the next move. The cursor must be valid.
  package var valueSpan: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      precondition(isValid, "no value under the cursor")
      switch position {
      case .rocksDB(let iterator): return unsafe _overrideLifetime(iterator.value, borrowing: self)
      case .memory(let iterator): return unsafe _overrideLifetime(iterator.value, borrowing: self)
      }
    }
  }

  /// A copy of the key.
  package var key: [UInt8] { Array(copying: keySpan) }
  /// A copy of the value.
  package var value: [UInt8] { Array(copying: valueSpan) }
}

extension [UInt8] {
  /// The bytes of a span, in memory of their own.
  init(copying span: Span<UInt8>) {
    self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
  }
}
