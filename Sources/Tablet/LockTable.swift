import DequeModule
import Keys
import Operations

/// The row locks of one tablet, in its leader's memory.
///
/// An owner is a transaction, or a write outside of one. It asks for locks by *requests*; a request takes its keys one
/// after the other, in key order, and waits for the first that somebody else holds. Locks stay until the owner lets go
/// of all of them.
///
/// Who waits for a key is served in the order of arrival, also where a later one could share the lock with its holders:
/// so nobody starves. Only an owner that holds the key already goes ahead of those who do not.
///
/// The table need not know of all locks: of a transaction that has written very many rows, the intents in the store say
/// which ones it holds. Such locks are given up here (`giveUp`), and are taken up again (`adopt`) before somebody asks for
/// these rows. What a waiting request still wants stays, since that looks at its next key without asking anybody.
///
/// Invariants: the holders of a key do not conflict; the first that waits for a key conflicts with a holder; a request
/// waits for one key at most.
package struct LockTable: Sendable {
  package typealias Owner = UInt64
  package typealias RequestNumber = UInt64

  /// Keys, sorted, each once, and how strongly each is wanted.
  package struct Wish: Sendable {
    package var keys: [[UInt8]]
    package var strength: RowLockStrength
    package init(keys: [[UInt8]], strength: RowLockStrength) {
      self.keys = keys
      self.strength = strength
    }
  }

  private struct Holder: Sendable {
    var owner: Owner
    var strength: RowLockStrength
  }

  private struct Waiter: Sendable {
    var request: RequestNumber
    var owner: Owner
    var strength: RowLockStrength
  }

  private struct Lock: Sendable {
    var holders: [Holder] = []
    var waiters: Deque<Waiter> = []
  }

  private struct Request: Sendable {
    var owner: Owner
    var wish: Wish
    /// How many keys it has; the next one is what it waits for.
    var taken = 0
    /// Whether it lets go of everything before it waits (`acquire`).
    var holdsWhileWaiting: Bool
    /// Whether its keys are in `wished`.
    var isWaiting = false
  }

  private var locks: [[UInt8]: Lock] = [:]
  private var requests: [RequestNumber: Request] = [:]
  /// By owner: the keys that it holds, and the requests of it that wait.
  private var held: [Owner: Set<[UInt8]>] = [:]
  private var waiting: [Owner: [RequestNumber]] = [:]
  /// The keys of all requests that wait, and how many want each.
  private var wished: [[UInt8]: Int] = [:]

  package init() {}

  package var isEmpty: Bool { locks.isEmpty }
  /// Keys that somebody holds.
  package var lockedCount: Int { locks.count }
  package func heldCount(of owner: Owner) -> Int { held[owner]?.count ?? 0 }

  // MARK: Asking

  /// Asks for locks. Returns whether all are held now; otherwise `request` turns up later in what `release` returns.
  /// - Parameter holdsWhileWaiting: false for an owner that has nothing else: it gives back what it has before it waits,
  ///   and begins anew when it is its turn. Such an owner is never part of a deadlock.
  package mutating func acquire(
    _ wish: Wish, request: RequestNumber, owner: Owner, holdsWhileWaiting: Bool
  ) -> Bool {
    precondition(requests[request] == nil, "lock request \(request) came twice")
    requests[request] = Request(owner: owner, wish: wish, holdsWhileWaiting: holdsWhileWaiting)
    var granted: [RequestNumber] = []
    let isDone = advance(request, granted: &granted)
    if !isDone {
      requests[request]?.isWaiting = true
      for key in wish.keys { wished[key, default: 0] += 1 }
    }
    // What it gave back before it waits was free a moment ago, so nobody waits for it.
    precondition(granted.isEmpty, "lock request \(request) let others run while it asked")
    return isDone
  }

  /// The keys among the wished ones that the owner holds, or could have at once: what `SKIP LOCKED` leaves over.
  package func free(_ wish: Wish, for owner: Owner) -> [[UInt8]] {
    wish.keys.filter { isFree($0, wish.strength, for: owner) }
  }

  private func isFree(_ key: [UInt8], _ strength: RowLockStrength, for owner: Owner) -> Bool {
    guard let lock = locks[key] else { return true }
    if let own = lock.holders.first(where: { $0.owner == owner }), own.strength >= strength { return true }
    let conflicts = lock.holders.contains { $0.owner != owner && $0.strength.conflicts(with: strength) }
    if conflicts { return false }
    return lock.waiters.isEmpty || lock.holders.contains { $0.owner == owner }
  }

  /// Takes key after key until one is not free. Returns whether the request has all of them.
  private mutating func advance(_ number: RequestNumber, granted: inout [RequestNumber]) -> Bool {
    guard var request = requests[number] else { return false }
    while request.taken < request.wish.keys.count {
      let key = request.wish.keys[request.taken]
      if !isFree(key, request.wish.strength, for: request.owner) {
        if !request.holdsWhileWaiting, request.taken > 0 {
          request.taken = 0
          // Waits for this key first when its turn comes.
          if let index = request.wish.keys.firstIndex(of: key) { request.wish.keys.swapAt(0, index) }
          requests[number] = request
          letGo(of: request.owner, granted: &granted)
        } else {
          requests[number] = request
        }
        enqueue(number, request, on: key)
        return false
      }
      take(key, request.wish.strength, request.owner)
      request.taken += 1
    }
    forget(number, request)
    return true
  }

  private mutating func forget(_ number: RequestNumber, _ request: Request) {
    requests[number] = nil
    guard request.isWaiting else { return }
    for key in request.wish.keys {
      let count = wished[key] ?? 0
      wished[key] = count > 1 ? count - 1 : nil
    }
  }

  private mutating func take(_ key: [UInt8], _ strength: RowLockStrength, _ owner: Owner) {
    var lock = locks.removeValue(forKey: key) ?? Lock()
    if let index = lock.holders.firstIndex(where: { $0.owner == owner }) {
      lock.holders[index].strength = max(lock.holders[index].strength, strength)
    } else {
      lock.holders.append(Holder(owner: owner, strength: strength))
      held[owner, default: []].insert(key)
    }
    locks[key] = lock
  }

  private mutating func enqueue(_ number: RequestNumber, _ request: Request, on key: [UInt8]) {
    var lock = locks.removeValue(forKey: key) ?? Lock()
    let waiter = Waiter(request: number, owner: request.owner, strength: request.wish.strength)
    waiting[request.owner, default: []].append(number)
    if lock.holders.contains(where: { $0.owner == request.owner }) {
      lock.waiters.prepend(waiter)
    } else {
      lock.waiters.append(waiter)
    }
    locks[key] = lock
  }

  // MARK: Letting go

  /// Lets go of everything that `owner` holds or waits for. Returns the requests that have all their locks now, in order.
  package mutating func release(_ owner: Owner) -> [RequestNumber] {
    var granted: [RequestNumber] = []
    let own = waiting[owner] ?? []
    for number in own {
      if let request = requests[number] { withdraw(number, request, granted: &granted) }
    }
    letGo(of: owner, granted: &granted)
    // One of its requests may have stood in the way of another.
    return own.count < 2 ? granted.sorted() : granted.filter { !own.contains($0) }.sorted()
  }

  /// Stops waiting. What the owner holds it keeps.
  package mutating func cancel(_ number: RequestNumber) -> [RequestNumber] {
    var granted: [RequestNumber] = []
    if let request = requests[number] { withdraw(number, request, granted: &granted) }
    return granted.sorted()
  }

  private mutating func withdraw(_ number: RequestNumber, _ request: Request, granted: inout [RequestNumber]) {
    forget(number, request)
    doneWaiting(number, of: request.owner)
    let key = request.wish.keys[request.taken]
    guard var lock = locks.removeValue(forKey: key) else { return }
    lock.waiters.removeAll { $0.request == number }
    put(lock, at: key)
    serve(key, granted: &granted)
  }

  /// The request has got what it waited for, or does not want it any more.
  private mutating func doneWaiting(_ number: RequestNumber, of owner: Owner) {
    guard var numbers = waiting.removeValue(forKey: owner) else { return }
    numbers.removeAll { $0 == number }
    if !numbers.isEmpty { waiting[owner] = numbers }
  }

  private mutating func letGo(of owner: Owner, granted: inout [RequestNumber]) {
    guard let keys = held.removeValue(forKey: owner) else { return }
    var wanted: [[UInt8]] = []
    for key in keys {
      guard var lock = locks.removeValue(forKey: key) else { continue }
      // Hardly any lock has another holder or somebody who waits; there may be very many of them.
      if lock.holders.count == 1, lock.waiters.isEmpty { continue }
      lock.holders.removeAll { $0.owner == owner }
      put(lock, at: key)
      if !lock.waiters.isEmpty { wanted.append(key) }
    }
    // In order, so that the same steps give the same grants in every process.
    wanted.sort(by: KeyRange.isLess)
    for key in wanted { serve(key, granted: &granted) }
  }

  private mutating func put(_ lock: Lock, at key: [UInt8]) {
    if !lock.holders.isEmpty || !lock.waiters.isEmpty { locks[key] = lock }
  }

  /// Gives a key to those who wait for it, as far as they go together.
  private mutating func serve(_ key: [UInt8], granted: inout [RequestNumber]) {
    while let first = locks[key]?.waiters.first {
      let conflicts = locks[key]!.holders.contains {
        $0.owner != first.owner && $0.strength.conflicts(with: first.strength)
      }
      if conflicts { return }
      locks[key]!.waiters.removeFirst()
      doneWaiting(first.request, of: first.owner)
      take(key, first.strength, first.owner)
      requests[first.request]!.taken += 1
      if advance(first.request, granted: &granted) { granted.append(first.request) }
    }
  }

  // MARK: Locks that are known elsewhere

  /// A lock that is not in the table, though `owner` has it. Nobody else has one against it.
  package mutating func adopt(_ key: [UInt8], _ strength: RowLockStrength, of owner: Owner) {
    take(key, strength, owner)
  }

  /// Lets the table forget a lock up to this strength that is known elsewhere from now on, unless somebody shares the key
  /// or wants it.
  package mutating func giveUp(_ key: [UInt8], upTo strength: RowLockStrength, of owner: Owner) {
    guard let lock = locks[key], lock.holders.count == 1, lock.holders[0].owner == owner,
      lock.holders[0].strength <= strength, lock.waiters.isEmpty, wished[key] == nil
    else { return }
    locks[key] = nil
    held[owner]?.remove(key)
    if held[owner]?.isEmpty == true { held[owner] = nil }
  }

  /// Lets go of the keys of a range that the owner holds and somebody waits for. Returns the requests that have all their
  /// locks now, in order.
  package mutating func release(_ owner: Owner, awaitedIn range: KeyRange) -> [RequestNumber] {
    var granted: [RequestNumber] = []
    for key in awaitedKeys(of: owner) where range.contains(key) {
      guard var lock = locks.removeValue(forKey: key) else { continue }
      held[owner]?.remove(key)
      lock.holders.removeAll { $0.owner == owner }
      put(lock, at: key)
      serve(key, granted: &granted)
    }
    if held[owner]?.isEmpty == true { held[owner] = nil }
    return granted.sorted()
  }

  // MARK: Looking

  /// The keys that the owner holds and somebody waits for, in order.
  package func awaitedKeys(of owner: Owner) -> [[UInt8]] {
    var keys: Set<[UInt8]> = []
    for request in waiting.values.joined().compactMap({ requests[$0] }) {
      let key = request.wish.keys[request.taken]
      if strength(of: owner, on: key) != nil { keys.insert(key) }
    }
    return keys.sorted(by: KeyRange.isLess)
  }

  /// Who stands in a request's way: the key that it waits for, and who waits right before it, or else the conflicting
  /// holders. Further ones stand in the way of those, so that chains of waiting have one edge for each. Waiting requests
  /// that hold nothing are looked through: nobody reports for whom they wait.
  package func blockers(of number: RequestNumber) -> (key: [UInt8], owners: [Owner])? {
    guard let request = requests[number], request.taken < request.wish.keys.count else { return nil }
    let key = request.wish.keys[request.taken]
    guard let lock = locks[key] else { return nil }
    var strengths = [request.wish.strength]
    let place = lock.waiters.firstIndex { $0.request == number } ?? lock.waiters.startIndex
    for waiter in lock.waiters[..<place].reversed() where waiter.owner != request.owner {
      if requests[waiter.request]?.holdsWhileWaiting == true { return (key, [waiter.owner]) }
      strengths.append(waiter.strength)
    }
    let holders = lock.holders.filter { holder in
      holder.owner != request.owner && strengths.contains { holder.strength.conflicts(with: $0) }
    }
    return (key, holders.map(\.owner))
  }

  /// Conflicting holders of the first wished key that is not free, for an error that names them.
  package func holders(against wish: Wish, for owner: Owner) -> (key: [UInt8], owners: [Owner])? {
    guard let key = wish.keys.first(where: { !isFree($0, wish.strength, for: owner) }), let lock = locks[key] else {
      return nil
    }
    let owners = lock.holders.filter { $0.owner != owner && $0.strength.conflicts(with: wish.strength) }.map(\.owner)
    return (key, owners.isEmpty ? lock.waiters.map(\.owner) : owners)
  }

  /// The most requests that wait for one of the keys.
  package func waiterCount(on keys: [[UInt8]]) -> Int {
    // Where nobody waits, as nearly always, no key has to be looked at.
    waiting.isEmpty ? 0 : keys.reduce(0) { max($0, locks[$1]?.waiters.count ?? 0) }
  }

  /// Whether somebody waits for a key that the owner holds.
  package func isAwaited(_ owner: Owner) -> Bool {
    if waiting.isEmpty { return false }
    return held[owner]?.contains { locks[$0]?.waiters.isEmpty == false } ?? false
  }

  /// How strongly an owner holds a key; nil if it does not.
  package func strength(of owner: Owner, on key: [UInt8]) -> RowLockStrength? {
    locks[key]?.holders.first { $0.owner == owner }?.strength
  }

  /// Costly; tests call it after each step.
  package func checkInvariants() {
    for (key, lock) in locks {
      precondition(!lock.holders.isEmpty, "nobody holds key \(key), and somebody waits for it")
      for (index, holder) in lock.holders.enumerated() {
        precondition(held[holder.owner]?.contains(key) == true, "owner \(holder.owner) does not know of its lock")
        for other in lock.holders[(index + 1)...] {
          precondition(holder.owner != other.owner, "owner \(holder.owner) holds a key twice")
          precondition(!holder.strength.conflicts(with: other.strength), "two hold key \(key) against each other")
        }
      }
      if let first = lock.waiters.first {
        let conflicts = lock.holders.contains {
          $0.owner != first.owner && $0.strength.conflicts(with: first.strength)
        }
        precondition(conflicts, "request \(first.request) waits for nobody")
      }
      for waiter in lock.waiters {
        precondition(requests[waiter.request] != nil, "request \(waiter.request) is gone and still waits")
      }
    }
    var wanted: [[UInt8]: Int] = [:]
    for request in requests.values { for key in request.wish.keys { wanted[key, default: 0] += 1 } }
    precondition(wanted == wished, "what is wished is not what requests wish")
    for (number, request) in requests {
      let key = request.wish.keys[request.taken]
      precondition(
        locks[key]?.waiters.count { $0.request == number } == 1, "request \(number) does not wait where it should")
    }
  }
}
