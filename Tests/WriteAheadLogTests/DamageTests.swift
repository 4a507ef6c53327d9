import Runtime
import Testing
import WriteAheadLog

@Suite("Torn tails and damage")
struct DamageTests {
  /// A small log of three groups over some segments, and the model after each of its frames.
  struct History {
    let disk: MemoryDisk
    /// `models[n]` is the state after `n` frames.
    var models = [LogModel()]
    /// The files after each frame.
    var images: [[String: [UInt8]]] = []

    init(segmentBytes: Int = 250) async throws {
      let bench = Bench()
      disk = bench.disk
      let log = try await bench.open(segmentBytes: segmentBytes).log
      images.append(disk.images)
      for step in UInt64(1)...9 {
        var batch: [LogRecord] = [.entries(group: 1, entries(step * 2 - 1...step * 2, term: step, size: 16))]
        if step % 3 == 0 { batch.append(.hardState(group: 2, [UInt8(step)])) }
        if step % 4 == 0 { batch.append(.entries(group: 3, entries(step / 4...step / 4))) }
        if step == 5 { batch.append(.truncate(group: 1, from: 10)) }
        if step == 5 { batch.append(.entries(group: 1, entries(10...10, term: 50))) }
        log.appendNow(batch)
        var model = models[models.count - 1]
        model.apply(batch)
        models.append(model)
        images.append(disk.images)
      }
    }
  }

  /// - Parameter reserved: zeros behind the end of each file, as a file system leaves them that reserves room.
  private func disk(_ image: [String: [UInt8]], reserved: Int = 0) -> MemoryDisk {
    let disk = MemoryDisk()
    for (path, bytes) in image { disk.put(path, bytes + [UInt8](repeating: 0, count: reserved)) }
    return disk
  }

  @Test("A crash at any byte of a write leaves the state before it, or the one after", arguments: [0, 600])
  func everyCrashPoint(reserved: Int) async throws {
    let history = try await History()
    for frame in 1..<history.images.count {
      let before = history.images[frame - 1]
      for (path, bytes) in history.images[frame] {
        let old = before[path]?.count ?? 0
        // A new segment appears as a whole, by a rename.
        guard bytes.count > old, before[path] != nil else { continue }
        for cut in old...bytes.count {
          for filler in [[], [UInt8](repeating: 0, count: bytes.count - cut)] {
            var image = before
            image[path] = Array(bytes[..<cut]) + filler
            let bench = Bench(disk(image, reserved: reserved))
            let recovered = try await bench.open().recovered
            let model = history.models[cut == bytes.count ? frame : frame - 1]
            #expect(model.difference(recovered) == nil, "frame \(frame), cut at \(cut)")
            #expect(recovered.damage.isEmpty, "frame \(frame), cut at \(cut): \(recovered.damage)")
            // The cut is durable: another start finds the same, and nothing torn.
            let again = try await Bench(bench.disk.crashed()).open().recovered
            #expect(model.difference(again) == nil && again.damage.isEmpty && again.tornBytes == 0)
          }
        }
      }
    }
  }

  @Test("Sectors of one unsynced write that arrive in any order are a torn tail")
  func shuffledSectors() async throws {
    let history = try await History(segmentBytes: 1 << 20)
    let bench = Bench(disk(history.images[9]))
    let log = try await bench.open().log
    bench.disk.withState { $0.isSyncFailing = true }
    log.appendNow(.entries(group: 1, entries(19...30, size: 300)), .entries(group: 9, entries(1...5, size: 400)))
    for seed in UInt64(0)..<40 {
      var random = Seeded(seed)
      let crashed = bench.disk.crashed { _, unsynced in
        var left = unsynced
        for sector in stride(from: 0, to: left.count, by: 512) where Bool.random(using: &random) {
          for place in sector..<min(sector + 512, left.count) { left[place] = 0 }
        }
        return left
      }
      let recovered = try await Bench(crashed).open().recovered
      #expect(recovered.damage.isEmpty, "seed \(seed)")
      let isBefore = history.models[9].difference(recovered) == nil
      #expect(isBefore || recovered.groups[9]?.entries.count == 5, "seed \(seed)")
    }
  }

  @Test("A flipped bit anywhere is damage or a torn tail, never wrong data", arguments: [0, 30])
  func everyBitFlip(reserved: Int) async throws {
    let history = try await History()
    let final = history.models[9]
    let image = history.images[9]
    let lastPath = try #require(image.keys.max())
    for (path, bytes) in image.sorted(by: { $0.key < $1.key }) {
      for place in bytes.indices {
        var flipped = image
        flipped[path]?[place] ^= 1 << UInt8(place % 8)
        let bench = Bench(disk(flipped, reserved: reserved))
        let recovered = try await bench.open().recovered
        let isWhole = final.difference(recovered) == nil
        let isTorn = path == lastPath && recovered.damage.isEmpty && history.models[8].difference(recovered) == nil
        let where_ = Comment("\(path) at \(place): \(recovered.damage)")
        if recovered.damage.isEmpty {
          #expect(isWhole || isTorn, where_)
          continue
        }
        for number in UInt64(1)...3 where recovered.groups[number]?.isDamaged != true {
          // Not damaged must mean right, or unknown altogether: the node knows which groups it should have.
          if recovered.groups[number] == nil && recovered.mayMissGroups { continue }
          #expect(final.difference(number, recovered.groups[number]) == nil, where_)
        }
        // Damage stays until the group is removed, also over a start that finds nothing new.
        let again = try await bench.open()
        #expect(again.recovered.mayMissGroups == recovered.mayMissGroups, where_)
        again.log.hasAllGroups()
        for (number, group) in recovered.groups where group.isDamaged {
          #expect(again.recovered.groups[number]?.isDamaged == true, where_)
          again.log.appendNow(.groupRemoved(group: number))
          again.log.appendNow(.hardState(group: number, [42]))
        }
        let healed = try await bench.open().recovered
        #expect(!healed.mayMissGroups, where_)
        for (number, group) in recovered.groups where group.isDamaged {
          #expect(healed.groups[number]?.isDamaged == false, where_)
          #expect(healed.groups[number]?.hardState == [42], where_)
        }
      }
    }
  }

  @Test("Whole segments that are gone, cut short or in each other's place are damage")
  func segments() async throws {
    let history = try await History()
    let image = history.images[9]
    let paths = image.keys.sorted()
    #expect(paths.count >= 4)
    for victim in paths.dropLast().dropFirst() {
      var gone = image
      gone[victim] = nil
      #expect(try await Bench(disk(gone)).open().recovered.damage.isEmpty == false, "\(victim) is gone")

      for count in [0, 10, 36, 60, (image[victim]?.count ?? 0) - 1] {
        var short = image
        short[victim] = Array(image[victim]?.prefix(count) ?? [])
        let recovered = try await Bench(disk(short)).open().recovered
        #expect(!recovered.damage.isEmpty, "\(victim) has \(count) bytes")
        // Without its last byte a segment has lost one record, which here is of group 3 in some of them.
        let isLost = recovered.groups.values.contains { $0.isDamaged }
        #expect(isLost, "\(victim) has \(count) bytes")
      }
    }
    var swapped = image
    swapped[paths[1]] = image[paths[2]]
    swapped[paths[2]] = image[paths[1]]
    #expect(try await Bench(disk(swapped)).open().recovered.groups[1]?.isDamaged == true)
  }

  @Test("A segment that the disk cannot read is damage, and the log goes on")
  func unreadableSegment() async throws {
    let history = try await History()
    let bench = Bench(disk(history.images[9]))
    let victim = try #require(history.images[9].keys.sorted().dropFirst().first)
    bench.disk.withState { $0.unreadable = [victim] }
    let (log, recovered) = try await bench.open()
    #expect(recovered.groups[1]?.isDamaged == true)
    #expect(recovered.damage.allSatisfy { $0.groups == nil })
    #expect(log.appendNow(.groupRemoved(group: 1), .hardState(group: 1, [1])))
    #expect(try await bench.open().recovered.groups[1]?.hardState == [1])
  }

  @Test("A frame in another one's place is found out, although it is intact")
  func misdirectedFrames() async throws {
    let history = try await History(segmentBytes: 1 << 20)
    let ends = history.images.map { $0.values.first?.count ?? 0 }
    let image = try #require(history.images[9].values.first)
    let path = try #require(history.images[9].keys.first)
    // Frames 2 and 3 change places; then frame 4 is written a second time over frame 5.
    let second = Array(image[ends[1]..<ends[2]])
    let third = Array(image[ends[2]..<ends[3]])
    let swapped = Array(image[..<ends[1]]) + third + second + Array(image[ends[3]...])
    let recovered = try await Bench(disk([path: swapped])).open().recovered
    #expect(recovered.groups[1]?.isDamaged == true)

    let fourth = Array(image[ends[3]..<ends[4]])
    let doubled = Array(image[..<ends[4]]) + fourth + Array(image[ends[5]...])
    #expect(try await Bench(disk([path: doubled])).open().recovered.groups[1]?.isDamaged == true)
  }

  @Test("One damaged record damages one group")
  func oneGroup() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    log.appendNow(.entries(group: 1, entries(1...1, size: 100)), .entries(group: 2, entries(1...1, size: 100)))
    log.appendNow(.entries(group: 1, entries(2...2)))
    let (path, bytes) = try #require(bench.disk.images.first)
    var flipped = bytes
    let payload = try #require(entries(1...1, size: 100).first?.payload)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: payload) })
    flipped[place + 50] ^= 1
    let recovered = try await Bench(disk([path: flipped])).open().recovered
    #expect(recovered.damage.map(\.groups) == [[1]])
    #expect(recovered.groups[1]?.isDamaged == true)
    #expect(recovered.groups[2]?.isDamaged == false)
    #expect(recovered.groups[2]?.entries == entries(1...1, size: 100))
  }

  @Test("After a clean close, damage to the last records is seen as damage")
  func sealed() async throws {
    let bench = Bench()
    let log = try await bench.open().log
    log.appendNow(.entries(group: 1, entries(1...3)))
    let end = try #require(bench.disk.images.values.first?.count)
    log.close()
    let (path, bytes) = try #require(bench.disk.images.first)
    var flipped = bytes
    flipped[end - 1] ^= 1
    let recovered = try await Bench(disk([path: flipped])).open().recovered
    #expect(recovered.groups[1]?.isDamaged == true)
  }

  @Test("No bytes make the reader trap", arguments: 0..<20)
  func fuzz(seed: Int) async throws {
    var random = Seeded(UInt64(seed))
    let history = try await History()
    for _ in 0..<100 {
      var image = history.images[9]
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        guard let path = image.keys.sorted().randomElement(using: &random), var bytes = image[path] else { continue }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in .random(in: 0...255, using: &random) }
        case 1: bytes = Array(bytes.prefix(.random(in: 0...bytes.count, using: &random)))
        case 2: bytes += bytes.suffix(.random(in: 0...bytes.count, using: &random))
        case 3:
          let start = Int.random(in: 0...bytes.count, using: &random)
          bytes.removeSubrange(start..<Int.random(in: start...bytes.count, using: &random))
        default:
          for _ in 0..<Int.random(in: 1...10, using: &random) where !bytes.isEmpty {
            bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
          }
        }
        image[path] = bytes
      }
      let bench = Bench(disk(image))
      guard let opened = try? await bench.open() else { continue }
      for (number, group) in opened.recovered.groups where !group.isDamaged && group.lastIndex < 100 {
        opened.log.appendNow(.entries(group: number, entries(group.lastIndex + 1...group.lastIndex + 2)))
      }
      _ = try await bench.open()
    }
  }
}
