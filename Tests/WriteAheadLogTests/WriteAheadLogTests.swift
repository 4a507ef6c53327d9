import Runtime
import Synchronization
import Testing
import WriteAheadLog

@Suite("What the log promises")
struct WriteAheadLogTests {
  @Test("What was appended is there at the next start")
  func recovery() async throws {
    let bench = Bench()
    var model = LogModel()
    let log = try await bench.open().log
    let batches: [[LogRecord]] = [
      [.hardState(group: 1, [1, 2, 3]), .entries(group: 1, entries(1...3))],
      [.entries(group: 2, entries(1...1, term: 5))],
      [.entries(group: 1, entries(4...6)), .hardState(group: 1, [9]), .hardState(group: 3, [])],
      [.snapshot(group: 4, SnapshotMark(index: 100, term: 7, data: [1])), .entries(group: 4, entries(101...102))],
    ]
    for batch in batches {
      #expect(log.appendNow(batch))
      model.apply(batch)
    }
    let recovered = try await bench.open().recovered
    #expect(model.difference(recovered) == nil)
    #expect(recovered.damage.isEmpty)
    #expect(recovered.tornBytes == 0)
    #expect(recovered.groups[1]?.entries.map(\.index) == [1, 2, 3, 4, 5, 6])
  }

  @Test("Later entries replace the tail that they overlap")
  func truncation() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    log.appendNow(.entries(group: 1, entries(1...10)))
    log.appendNow(.entries(group: 1, entries(4...6, term: 2)))
    log.appendNow(.truncate(group: 1, from: 6))
    #expect(try log.entries(of: 1, from: 1, byteCountMax: .max) == entries(1...3) + entries(4...5, term: 2))
    log.appendNow(.entries(group: 1, entries(6...6, term: 3)), .entries(group: 1, entries(7...7, term: 4)))
    let group = try #require(try await bench.open().recovered.groups[1])
    #expect(
      group.entries == entries(1...3) + entries(4...5, term: 2) + entries(6...6, term: 3) + entries(7...7, term: 4))
    #expect(group.lastIndex == 7)
  }

  @Test("A snapshot ends the log before it, and starts it anew behind a gap")
  func snapshot() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    log.appendNow(.entries(group: 1, entries(1...10)), .entries(group: 2, entries(1...3)))
    log.appendNow(.snapshot(group: 1, SnapshotMark(index: 4, term: 1)))
    log.appendNow(.snapshot(group: 2, SnapshotMark(index: 50, term: 2)))
    log.appendNow(.entries(group: 2, entries(51...52, term: 2)))
    #expect(try log.entries(of: 1, from: 4, byteCountMax: .max).isEmpty)
    #expect(try log.entries(of: 1, from: 5, byteCountMax: .max) == entries(5...10))
    let groups = try await bench.open().recovered.groups
    #expect(groups[1]?.entries == entries(5...10))
    #expect(groups[2]?.entries == entries(51...52, term: 2))
  }

  @Test("A group that was removed is gone, and may start again from nothing")
  func removal() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    log.appendNow(.entries(group: 1, entries(1...10)), .hardState(group: 1, [1]))
    log.appendNow(.groupRemoved(group: 1))
    #expect(try await bench.open().recovered.groups[1] == nil)
    let again = try await bench.open().log
    again.appendNow(.entries(group: 1, entries(1...2, term: 9)))
    let group = try #require(try await bench.open().recovered.groups[1])
    #expect(group.entries == entries(1...2, term: 9))
    #expect(group.hardState == nil)
  }

  @Test("Entries are read back by index, as many as were asked for, at least one")
  func reading() async throws {
    let bench = Bench()
    let log = try await bench.open(segmentBytes: 200).log
    for first in stride(from: UInt64(1), through: 91, by: 10) {
      log.appendNow(.entries(group: 1, entries(first...first + 9, size: 20)))
    }
    #expect(try log.entries(of: 1, from: 15, byteCountMax: 100) == entries(15...19, size: 20))
    #expect(try log.entries(of: 1, from: 98, byteCountMax: 0) == entries(98...98, size: 20))
    #expect(try log.entries(of: 1, from: 98, byteCountMax: .max) == entries(98...100, size: 20))
    #expect(try log.entries(of: 1, from: 101, byteCountMax: .max).isEmpty)
    #expect(try log.entries(of: 2, from: 1, byteCountMax: .max).isEmpty)
  }

  @Test("A segment goes when all of its entries are released, the oldest first")
  func reclaiming() async throws {
    let bench = Bench()
    let log = try await bench.open(segmentBytes: 300).log
    log.appendNow(.hardState(group: 1, [7]), .hardState(group: 2, [8]))
    for first in stride(from: UInt64(1), through: 91, by: 10) {
      log.appendNow(.entries(group: 1, entries(first...first + 9)), .entries(group: 2, entries(first...first + 9)))
    }
    let segments = log.pinned.segments
    #expect(segments > 4)
    #expect(log.pinned.groups == [1, 2])
    log.released(group: 1, through: 100)
    #expect(log.pinned.segments == segments)
    #expect(log.pinned.groups == [2])
    log.released(group: 2, through: 55)
    #expect(log.pinned.segments < segments)
    #expect(log.pinned.groups == [2])
    log.released(group: 2, through: 100)
    #expect(log.pinned == (1, []))
    #expect(bench.disk.images.count == 1)

    let groups = try await bench.open().recovered.groups
    #expect(groups[1]?.hardState == [7])
    #expect(groups[2]?.hardState == [8])
    #expect(groups[2]?.lastIndex == 100)
  }

  @Test("A truncated entry pins nothing")
  func truncationUnpins() async throws {
    let bench = Bench()
    let log = try await bench.open(segmentBytes: 100).log
    log.appendNow(.entries(group: 1, entries(1...10, size: 50)))
    log.appendNow(.entries(group: 2, entries(1...10, size: 50)))
    log.appendNow(.entries(group: 2, entries(11...11, size: 50)))
    log.appendNow(.truncate(group: 1, from: 6))
    log.released(group: 1, through: 5)
    log.released(group: 2, through: 11)
    #expect(log.pinned.segments == 1)
  }

  @Test("A hundred appends at the same time need one sync, and complete in order")
  func groupCommit() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    let before = bench.disk.withState(\.syncs)
    let order = Mutex<[UInt64]>([])
    let otherLoop = DirectLoop()
    bench.worker.hold()
    for index in UInt64(1)...100 {
      log.append([.entries(group: index, entries(1...1))], on: index.isMultiple(of: 3) ? otherLoop : bench.loop) {
        order.withLock { $0.append(index) }
      }
    }
    #expect(order.withLock(\.self).isEmpty)
    bench.worker.letGo()
    #expect(bench.disk.withState(\.syncs) == before + 1)
    #expect(order.withLock(\.self) == Array(1...100))
    #expect(log.metrics.appends == 100)
    #expect(log.metrics.syncs == 1)
    #expect(log.metrics.queuedBytes == 0)
  }

  @Test("A frame takes no more than its share of a long queue")
  func frameLimit() async throws {
    let bench = Bench()
    let log = try await bench.open(frameBytes: 1000).log
    bench.worker.hold()
    for index in UInt64(1)...20 { log.append([.entries(group: index, entries(1...1, size: 300))], on: bench.loop) {} }
    bench.worker.letGo()
    #expect((5...10).contains(log.metrics.syncs))
    #expect(try await bench.open().recovered.groups.count == 20)
  }

  @Test("An empty append completes behind the ones before it")
  func emptyAppend() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    let order = Mutex<[Int]>([])
    bench.worker.hold()
    log.append([.hardState(group: 1, [1])], on: bench.loop) { order.withLock { $0.append(1) } }
    log.append([], on: bench.loop) { order.withLock { $0.append(2) } }
    bench.worker.letGo()
    #expect(order.withLock(\.self) == [1, 2])
  }

  @Test("After a failed sync nobody is told that anything is durable, ever")
  func failedSync() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    #expect(log.appendNow(.hardState(group: 1, [1])))
    bench.disk.withState { $0.isSyncFailing = true }
    #expect(!log.appendNow(.hardState(group: 1, [2])))
    bench.disk.withState { $0.isSyncFailing = false }
    #expect(!log.appendNow(.hardState(group: 1, [3])))
    let failures = bench.failures.withLock(\.self)
    #expect(failures.count == 1)
    guard case .writeFailed = failures.first else {
      Issue.record("\(failures)")
      return
    }
    #expect(try await Bench(bench.disk.crashed()).open().recovered.groups[1]?.hardState == [1])
  }

  @Test("A full disk holds appends back, in their order, until there is room")
  func diskFull() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    #expect(log.appendNow(.entries(group: 1, entries(1...3))))
    bench.disk.withState { $0.capacity = 500 }
    let (isFirstDone, isSecondDone) = (Flag(), Flag())
    log.append([.entries(group: 1, entries(4...5, size: 1000))], on: bench.loop) { isFirstDone.raise() }
    #expect(log.fullSince != nil)
    log.append([.entries(group: 1, entries(6...6))], on: bench.loop) {
      #expect(isFirstDone.isRaised)
      isSecondDone.raise()
    }
    bench.loop.fireTimers()
    #expect(!isFirstDone.isRaised && !isSecondDone.isRaised)
    let hasFailed = bench.failures.withLock { !$0.isEmpty }
    #expect(!hasFailed)
    // What a crash would leave now.
    let before = Bench(bench.disk.crashed())
    #expect(try await before.open().recovered.groups[1]?.entries == entries(1...3))
    bench.disk.withState { $0.capacity = .max }
    bench.loop.fireTimers()
    #expect(isFirstDone.isRaised && isSecondDone.isRaised)
    #expect(log.fullSince == nil)
    let after = Bench(bench.disk.crashed())
    let found = try await after.open().recovered
    #expect(found.damage.isEmpty)
    #expect(found.groups[1]?.entries == entries(1...3) + entries(4...5, size: 1000) + entries(6...6))
  }

  @Test("A segment that there is no room for is begun when there is")
  func diskFullAtNewSegment() async throws {
    let bench = Bench()
    let log = try await bench.open(segmentBytes: 200).log
    #expect(log.appendNow(.entries(group: 1, entries(1...3, size: 100))))
    bench.disk.withState { $0.capacity = $0.files.values.reduce(0) { $0 + $1.bytes.count } }
    let isDone = Flag()
    log.append([.entries(group: 1, entries(4...4))], on: bench.loop) { isDone.raise() }
    #expect(!isDone.isRaised)
    bench.disk.withState { $0.capacity = .max }
    bench.loop.fireTimers()
    #expect(isDone.isRaised)
    let found = try await Bench(bench.disk.crashed()).open().recovered
    #expect(found.groups[1]?.entries == entries(1...3, size: 100) + entries(4...4))
  }

  @Test("Closing writes what is queued, and takes nothing more")
  func closing() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    bench.worker.hold()
    let isDone = Flag()
    log.append([.hardState(group: 1, [1])], on: bench.loop) { isDone.raise() }
    log.close()
    bench.worker.letGo()
    #expect(isDone.isRaised)
    #expect(!log.appendNow(.hardState(group: 1, [2])))
    #expect(try await bench.open().recovered.groups[1]?.hardState == [1])
  }

  @Test("Another node's segment and another version's are refused, and left as they are")
  func foreign() async throws {
    let one = Bench(logID: 1)
    try await one.open().log.appendNow(.hardState(group: 1, [1]))
    let other = Bench(logID: 2)
    _ = try await other.open()
    _ = try await other.open()
    for (path, bytes) in other.disk.images where path.hasSuffix("2.wal") { one.disk.put(path, bytes) }
    let before = one.disk.images
    await #expect(throws: WriteAheadLogError.self) { try await one.open() }
    #expect(one.disk.images == before)
  }

  @Test("A gap in a group's entries ends the process")
  func gap() async {
    await #expect(processExitsWith: .failure) {
      let log = try await Bench().open().log
      log.appendNow(.entries(group: 1, entries(2...3)))
    }
  }
}
