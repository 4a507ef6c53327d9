import Keys
import Operations
import Runtime
import Tablet
import Testing

@Suite("Row locks")
struct LockTableTests {
  private static let a: [UInt8] = [1]
  private static let b: [UInt8] = [2]

  /// A table, and requests by number: the owner is the request's number divided by ten.
  private final class Story {
    var table = LockTable()

    func ask(
      _ request: UInt64, _ keys: [[UInt8]], _ strength: RowLockStrength = .update, holdsWhileWaiting: Bool = true
    ) -> Bool {
      defer { table.checkInvariants() }
      return table.acquire(
        LockTable.Wish(keys: keys, strength: strength), request: request, owner: request / 10,
        holdsWhileWaiting: holdsWhileWaiting)
    }

    func release(_ owner: UInt64) -> [UInt64] {
      defer { table.checkInvariants() }
      return table.release(owner)
    }
  }

  @Test("are given in the order of arrival, also where a later one could share")
  func fairness() {
    let story = Story()
    #expect(story.ask(10, [Self.a], .share))
    #expect(!story.ask(20, [Self.a], .update))
    // It could share with owner 1, and would let owner 2 starve.
    #expect(!story.ask(30, [Self.a], .share))
    #expect(story.table.blockers(of: 30)?.owners == [2])
    #expect(story.release(1) == [20])
    #expect(story.release(2) == [30])
    #expect(story.release(3) == [])
    #expect(story.table.isEmpty)
  }

  @Test("go together where they may")
  func sharing() {
    let story = Story()
    #expect(story.ask(10, [Self.a], .update))
    #expect(!story.ask(20, [Self.a], .share))
    #expect(!story.ask(30, [Self.a], .keyShare))
    #expect(!story.ask(40, [Self.a], .noKeyUpdate))
    #expect(story.release(1) == [20, 30])
    #expect(story.release(2) == [40])
  }

  @Test("that a holder wants stronger come before those of others")
  func upgrade() {
    let story = Story()
    #expect(story.ask(10, [Self.a], .share))
    #expect(story.ask(20, [Self.a], .share))
    #expect(!story.ask(30, [Self.a], .update))
    #expect(!story.ask(11, [Self.a], .update))
    #expect(story.release(2) == [11])
    #expect(story.table.strength(of: 1, on: Self.a) == .update)
    #expect(story.release(1) == [30])
  }

  @Test("of a write outside of transactions are given back before it waits")
  func holdsNothing() {
    let story = Story()
    #expect(story.ask(10, [Self.b]))
    #expect(!story.ask(20, [Self.a, Self.b], holdsWhileWaiting: false))
    #expect(story.table.heldCount(of: 2) == 0)
    #expect(story.ask(30, [Self.a]))
    // It is its turn for one row, and the other one is taken: it gives back the first.
    #expect(story.release(1) == [])
    #expect(story.table.heldCount(of: 2) == 0)
    #expect(story.ask(40, [Self.b]))
    #expect(story.release(3) == [])
    #expect(story.release(4) == [20])
    #expect(story.table.heldCount(of: 2) == 2)
  }

  @Test("that are taken are left out by SKIP LOCKED, those that others wait for too")
  func skipLocked() {
    let story = Story()
    #expect(story.ask(10, [Self.a], .share))
    let wish = LockTable.Wish(keys: [Self.a, Self.b], strength: .share)
    #expect(story.table.free(wish, for: 2) == [Self.a, Self.b])
    #expect(!story.ask(20, [Self.a], .update))
    #expect(story.table.free(wish, for: 3) == [Self.b])
    #expect(story.table.free(wish, for: 1) == [Self.a, Self.b])
    #expect(story.table.holders(against: wish, for: 3)?.owners == [2])
  }

  @Test("name who is in the way, through those who hold nothing and report nothing")
  func blockers() {
    let story = Story()
    #expect(story.ask(10, [Self.a], .share))
    #expect(!story.ask(20, [Self.a], .update, holdsWhileWaiting: false))
    // It could share with owner 1, and waits for it all the same.
    #expect(!story.ask(30, [Self.a], .share))
    #expect(story.table.blockers(of: 20)?.owners == [1])
    #expect(story.table.blockers(of: 30)?.owners == [1])
    #expect(!story.ask(40, [Self.a], .update))
    #expect(story.table.blockers(of: 40)?.owners == [3])
    #expect(story.table.blockers(of: 50) == nil)
    #expect(story.table.waiterCount(on: [Self.a, Self.b]) == 3)
    #expect(story.table.waiterCount(on: [Self.b]) == 0)
  }

  @Test("that nobody wants any more let the next one through")
  func cancel() {
    let story = Story()
    #expect(story.ask(10, [Self.a], .share))
    #expect(!story.ask(20, [Self.a], .update))
    #expect(!story.ask(30, [Self.a], .share))
    #expect(story.table.cancel(20) == [30])
    story.table.checkInvariants()
    #expect(story.table.heldCount(of: 2) == 0)
  }

  @Test("of a range are let go where somebody waits for them")
  func inRange() {
    let story = Story()
    #expect(story.ask(10, [Self.a, Self.b, [3]]))
    #expect(!story.ask(20, [Self.a, Self.b]))
    #expect(!story.ask(30, [[3]]))
    #expect(story.table.awaitedKeys(of: 1) == [Self.a, [3]])
    let front = KeyRange(lower: Self.a, upper: [3])
    #expect(story.table.release(1, awaitedIn: front) == [], "it waits for its second row now")
    story.table.checkInvariants()
    #expect(story.table.strength(of: 2, on: Self.a) == .update && story.table.strength(of: 1, on: [3]) == .update)
    #expect(story.table.release(1, awaitedIn: front) == [20])
    story.table.checkInvariants()
    #expect(story.release(1) == [30])
    #expect(story.release(2) == [] && story.release(3) == [] && story.table.isEmpty)
  }

  @Test("that are known elsewhere are given up where nobody shares the row or wants it, and taken up again")
  func elsewhere() {
    let story = Story()
    #expect(story.ask(10, [Self.a, Self.b], .noKeyUpdate))
    #expect(story.ask(20, [Self.b], .keyShare))
    #expect(story.ask(30, [[3]]))
    // It waits for the third row, and will look at the fourth by itself.
    #expect(!story.ask(21, [[3], [4]]))
    #expect(story.ask(11, [[4]]))
    for key in [Self.a, Self.b, [3], [4]] { story.table.giveUp(key, upTo: .update, of: 1) }
    story.table.checkInvariants()
    #expect(story.table.strength(of: 1, on: Self.a) == nil)
    #expect(story.table.strength(of: 1, on: Self.b) == .noKeyUpdate)
    #expect(story.table.strength(of: 1, on: [4]) == .update)
    story.table.giveUp([4], upTo: .noKeyUpdate, of: 1)
    story.table.adopt(Self.a, .noKeyUpdate, of: 1)
    #expect(!story.ask(40, [Self.a], .share))
    #expect(story.table.blockers(of: 40)?.owners == [1])
    #expect(story.release(3) == [])
    #expect(story.table.blockers(of: 21)?.owners == [1])
    #expect(story.release(1) == [21, 40])
    #expect(story.release(2) == [] && story.release(4) == [] && story.table.isEmpty)
  }

  @Test("that are partly known elsewhere are the same locks", arguments: Seed.sample(200))
  func partlyElsewhere(seed: Seed) {
    var random = SeededRandom(seed: seed.value)
    var table = LockTable()
    var whole = LockTable()
    /// What the table has given up, as intents would say it.
    var elsewhere: [UInt8: [UInt64: RowLockStrength]] = [:]
    var waiting: Set<UInt64> = []
    var asked: [UInt64: UInt64] = [:]
    for request in 1...UInt64(150) {
      let owner = 1 + random.below(6)
      asked[request] = owner
      switch random.below(8) {
      case 0..<4 where !waiting.contains(owner):
        let keys = (0..<UInt8(6)).filter { _ in random.oneIn(2) }.map { [$0] }
        let wish = LockTable.Wish(keys: keys, strength: RowLockStrength.allCases[Int(random.below(4))])
        for key in keys {
          for (holder, strength) in elsewhere[key[0], default: [:]].sorted(by: { $0.key < $1.key }) {
            table.adopt(key, strength, of: holder)
          }
        }
        let isGranted = table.acquire(wish, request: request, owner: owner, holdsWhileWaiting: true)
        #expect(isGranted == whole.acquire(wish, request: request, owner: owner, holdsWhileWaiting: true), "\(seed)")
        if !isGranted { waiting.insert(owner) }
      case 4..<7:
        let key = [UInt8(random.below(6))]
        guard let strength = table.strength(of: owner, on: key) else { continue }
        let known = elsewhere[key[0]]?[owner]
        elsewhere[key[0], default: [:]][owner] = max(known ?? strength, strength)
        table.giveUp(key, upTo: strength, of: owner)
      default:
        let granted = table.release(owner)
        #expect(granted == whole.release(owner), "\(seed), at \(request)")
        for key in elsewhere.keys { elsewhere[key]?[owner] = nil }
        waiting.remove(owner)
        // One request each at a time: whose it was does not matter.
        waiting = waiting.filter { owner in !granted.contains { asked[$0] == owner } }
      }
      table.checkInvariants()
    }
  }

  /// One key each: then the table is a list of holders and a queue.
  private struct Model {
    var holders: [UInt8: [(owner: UInt64, strength: RowLockStrength)]] = [:]
    var queues: [UInt8: [(request: UInt64, owner: UInt64, strength: RowLockStrength)]] = [:]

    func conflicts(_ key: UInt8, _ owner: UInt64, _ strength: RowLockStrength) -> Bool {
      holders[key, default: []].contains { $0.owner != owner && $0.strength.conflicts(with: strength) }
    }

    mutating func take(_ key: UInt8, _ owner: UInt64, _ strength: RowLockStrength) {
      let old = holders[key, default: []].first { $0.owner == owner }?.strength ?? strength
      holders[key, default: []].removeAll { $0.owner == owner }
      holders[key, default: []].append((owner, max(old, strength)))
    }

    mutating func ask(_ request: UInt64, _ owner: UInt64, _ key: UInt8, _ strength: RowLockStrength) -> Bool {
      let own = holders[key, default: []].first { $0.owner == owner }
      if let own, own.strength >= strength { return true }
      let mustQueue = own == nil && !queues[key, default: []].isEmpty
      guard conflicts(key, owner, strength) || mustQueue else {
        take(key, owner, strength)
        return true
      }
      let waiter = (request, owner, strength)
      if own != nil { queues[key, default: []].insert(waiter, at: 0) } else { queues[key, default: []].append(waiter) }
      return false
    }

    mutating func release(_ owner: UInt64) -> [UInt64] {
      for key in Array(holders.keys) { holders[key]?.removeAll { $0.owner == owner } }
      for key in Array(queues.keys) { queues[key]?.removeAll { $0.owner == owner } }
      return settle()
    }

    mutating func cancel(_ request: UInt64) -> [UInt64] {
      for key in Array(queues.keys) { queues[key]?.removeAll { $0.request == request } }
      return settle()
    }

    private mutating func settle() -> [UInt64] {
      var granted: [UInt64] = []
      for key in Array(queues.keys) {
        while let first = queues[key]?.first, !conflicts(key, first.owner, first.strength) {
          queues[key]?.removeFirst()
          take(key, first.owner, first.strength)
          granted.append(first.request)
        }
      }
      return granted.sorted()
    }
  }

  @Test("of single rows are what a queue for each row gives", arguments: Seed.sample(300))
  func model(seed: Seed) {
    var random = SeededRandom(seed: seed.value)
    var table = LockTable()
    var model = Model()
    for request in 1...UInt64(200) {
      switch random.below(10) {
      case 0..<6:
        let (owner, key) = (1 + random.below(6), UInt8(random.below(3)))
        let strength = RowLockStrength.allCases[Int(random.below(4))]
        let isGranted = table.acquire(
          LockTable.Wish(keys: [[key]], strength: strength), request: request, owner: owner, holdsWhileWaiting: true)
        #expect(isGranted == model.ask(request, owner, key, strength), "\(seed), request \(request)")
      case 6..<9:
        let owner = 1 + random.below(6)
        #expect(table.release(owner) == model.release(owner), "\(seed), at \(request)")
      default:
        let cancelled = random.below(request)
        #expect(table.cancel(cancelled) == model.cancel(cancelled), "\(seed), at \(request)")
      }
      table.checkInvariants()
    }
    for owner in UInt64(1)...6 { #expect(table.release(owner) == model.release(owner)) }
    #expect(table.isEmpty)
  }

  @Test("of many rows: nobody waits for ever, and what is given is held", arguments: Seed.sample(300))
  func property(seed: Seed) {
    var random = SeededRandom(seed: seed.value)
    var table = LockTable()
    /// By owner: what it waits for. One request each at a time; odd owners are writes outside of transactions.
    var waiting: [UInt64: (request: UInt64, wish: LockTable.Wish)] = [:]
    var busy: Set<UInt64> = []

    func holds(_ wish: LockTable.Wish, _ owner: UInt64) -> Bool {
      wish.keys.allSatisfy { key in table.strength(of: owner, on: key).map { $0 >= wish.strength } ?? false }
    }
    func granted(_ requests: [UInt64]) {
      for request in requests {
        guard let owner = waiting.first(where: { $0.value.request == request })?.key,
          let wish = waiting.removeValue(forKey: owner)?.wish
        else {
          Issue.record("\(seed): request \(request) was given locks that it does not wait for")
          continue
        }
        #expect(holds(wish, owner), "\(seed): request \(request) has not all its locks")
      }
    }

    for request in 1...UInt64(150) {
      let owner = 1 + random.below(8)
      let isStatement = owner % 2 == 1
      if waiting[owner] == nil, !(isStatement && busy.contains(owner)), random.below(3) > 0 {
        let keys = (0..<UInt8(5)).filter { _ in random.oneIn(2) }.map { [$0] }
        let wish = LockTable.Wish(keys: keys, strength: RowLockStrength.allCases[Int(random.below(4))])
        busy.insert(owner)
        if table.acquire(wish, request: request, owner: owner, holdsWhileWaiting: !isStatement) {
          #expect(holds(wish, owner), "\(seed): request \(request) has not all its locks")
        } else {
          waiting[owner] = (request, wish)
        }
      } else if waiting[owner] == nil || random.oneIn(4) {
        waiting[owner] = nil
        busy.remove(owner)
        granted(table.release(owner))
        #expect(table.heldCount(of: owner) == 0)
      }
      table.checkInvariants()
      for (owner, wait) in waiting {
        #expect(table.blockers(of: wait.request)?.owners.isEmpty == false, "\(seed): \(wait.request) waits for nobody")
        if owner % 2 == 1 { #expect(table.heldCount(of: owner) == 0, "\(seed): owner \(owner) holds and waits") }
      }
    }
    // Some may wait for each other; when all end, nothing is left.
    for owner in UInt64(1)...8 {
      waiting[owner] = nil
      granted(table.release(owner))
    }
    #expect(table.isEmpty && waiting.isEmpty, "\(seed)")
  }
}
