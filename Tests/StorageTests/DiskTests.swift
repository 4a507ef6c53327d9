import Glibc
import Keys
import Storage
import Testing

@Suite("RocksDB's files")
struct DiskTests {
  /// A store whose values no compressor can shrink, closed again.
  private func makeStore(at path: String, rows: Int) throws -> [Pair] {
    var random = Seeded(7)
    let store = try RocksDBEngine().openStore(at: path, options: StoreOptions())
    defer { store.close() }
    var batch = WriteBatch()
    for number in 0..<rows {
      let value = (0..<100).map { _ in UInt8.random(in: 0...255, using: &random) }
      batch.put(.regular, key: version("row \(number)", 1), value: value)
    }
    try store.write(batch, frontier: frontier(1))
    try store.flush()
    return try store.contents(.regular)
  }

  @Test("A flipped byte in a table file is an error, never an early end or another value")
  func corruption() throws {
    let scratch = ScratchDirectory()
    let path = scratch.path + "/store"
    let rows = try makeStore(at: path, rows: 3_000)
    let name = try #require(ScratchDirectory.names(in: path).first { $0.hasSuffix(".sst") })
    let file = open("\(path)/\(name)", O_RDWR)
    defer { close(file) }
    let size = Int(lseek(file, 0, SEEK_END))
    var errors = 0
    for place in stride(from: 50, to: size, by: size / 60) {
      var byte: UInt8 = 0
      pread(file, &byte, 1, off_t(place))
      var flipped = byte ^ 0x10
      pwrite(file, &flipped, 1, off_t(place))
      defer { pwrite(file, &byte, 1, off_t(place)) }
      do throws(StorageError) {
        let store = try RocksDBEngine().openStore(at: path, options: StoreOptions())
        defer { store.close() }
        var cursor = try store.cursor(.regular, lower: [], upper: nil, pointPrefix: nil)
        var count = 0
        while cursor.isValid {
          if count < rows.count {
            let isSame = cursor.key == rows[count].key && cursor.value == rows[count].value
            #expect(isSame, "byte \(place), row \(count)")
          }
          count += 1
          try cursor.next()
        }
        #expect(count == rows.count, "byte \(place)")
      } catch {
        errors += 1
        guard case .corrupt = error else {
          Issue.record("byte \(place): \(error)")
          continue
        }
      }
    }
    #expect(errors > 40)
  }

  @Test("A file that is missing, or is no database, is an error at open")
  func missingFile() throws {
    let scratch = ScratchDirectory()
    let path = scratch.path + "/store"
    _ = try makeStore(at: path, rows: 10)
    for name in ScratchDirectory.names(in: path) where name.hasSuffix(".sst") { unlink("\(path)/\(name)") }
    #expect(throws: StorageError.self) { try RocksDBEngine().openStore(at: path, options: StoreOptions()) }
    #expect(throws: StorageError.self) {
      try RocksDBEngine().openStore(at: scratch.path + "/no/such/parent", options: StoreOptions())
    }
  }

  @Test("Readers, a writer, flushes and compactions get along, and a close in the middle")
  func concurrency() async throws {
    let scratch = ScratchDirectory()
    var options = StoreOptions()
    options.writeBufferBytes = 64 << 10
    let store = try RocksDBEngine().openStore(at: scratch.path + "/store", options: options)
    let workload = Workload(seed: 3)
    try await withThrowingTaskGroup { group in
      group.addTask {
        for index in UInt64(1)...3_000 { try store.write(workload.batch(index), frontier: frontier(index)) }
        store.close()
      }
      group.addTask {
        while true {
          store.setHistoryCutoff(store.appliedFrontier?.hybridTime ?? .zero)
          try store.flush()
          try store.compact()
        }
      }
      for reader in 0..<2 {
        group.addTask {
          while true {
            // A row is written once and never changed: whatever is there is what was written.
            for pair in try store.contents(.regular, of: document("d\(reader)")) {
              let written = try #require(VersionedKey.split(pair.key)?.time.rawValue)
              let isWritten = workload.changes(written).contains { $0.key == pair.key && $0.value == pair.value }
              #expect(isWritten)
            }
          }
        }
      }
      while let result = await group.nextResult() {
        if case .failure(let error) = result, error as? StorageError != .closed { throw error }
      }
    }
    #expect(throws: StorageError.closed) { try store.flush() }
  }
}
