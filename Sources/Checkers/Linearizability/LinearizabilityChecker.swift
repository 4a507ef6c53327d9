/// Decides whether a history of one register can be explained by operations that happened one at a time, each at a moment
/// between its start and its end (Herlihy and Wing 1990).
///
/// The search is Wing and Gong's (1993) with Lowe's memo of visited states (2017): starts and ends lie in one list in
/// order of time. An operation that has started and not been passed by another's end may be next; taking it lifts it out
/// of the list. Meeting an end first means that its operation should have been taken before: go back. An operation
/// whose outcome was never heard has no end, so it may come at any later time, or never.
///
/// Exponential in the worst case, so the work has a limit; keep histories to a few hundred operations with few at once.
package enum LinearizabilityChecker {
  package enum Verdict: Hashable, Sendable {
    case linearizable
    /// No order explains the history. `explained` operations, at most, were put in an order before it broke.
    case violation(explained: Int)
    /// The limit was reached first.
    case undecided
  }

  /// - Parameter statesMax: states to visit before giving up; each takes about a hundred bytes.
  package static func check(_ history: [RegisterOperation], statesMax: Int = 1_000_000) -> Verdict {
    var search = Search(history)
    return search.run(statesMax: statesMax)
  }

  private struct State: Hashable {
    /// A bit for each operation that has taken its place.
    var taken: [UInt64]
    var value: Int64?
  }

  /// One start or end in the list.
  private struct Event {
    var time: UInt64
    var operation: Int
    var isEnd: Bool
  }

  private struct Search {
    let operations: [RegisterOperation]
    /// The events in order of time, and a doubly linked list through them; the last place is the list's head.
    private let events: [Event]
    private var next: [Int]
    private var previous: [Int]
    /// Where an operation's start and end lie in `events`; -1 for no end.
    private var startPlace: [Int]
    private var endPlace: [Int]
    private var endsLeft: Int

    init(_ history: [RegisterOperation]) {
      operations = history
      var events: [Event] = []
      for (index, operation) in history.enumerated() {
        events.append(Event(time: operation.start, operation: index, isEnd: false))
        if let end = operation.end { events.append(Event(time: end, operation: index, isEnd: true)) }
      }
      // At one instant starts come first: operations that touch may be in either order.
      events.sort { ($0.time, $0.isEnd ? 1 : 0, $0.operation) < ($1.time, $1.isEnd ? 1 : 0, $1.operation) }
      self.events = events
      let head = events.count
      next = (0...head).map { $0 + 1 }
      next[head] = events.isEmpty ? head : 0
      if head > 0 { next[head - 1] = head }
      previous = (0...head).map { $0 - 1 }
      previous[0] = head
      previous[head] = head - 1 < 0 ? head : head - 1
      startPlace = [Int](repeating: -1, count: history.count)
      endPlace = [Int](repeating: -1, count: history.count)
      for (place, event) in events.enumerated() {
        if event.isEnd { endPlace[event.operation] = place } else { startPlace[event.operation] = place }
      }
      endsLeft = history.count { $0.end != nil }
    }

    mutating func run(statesMax: Int) -> Verdict {
      let head = events.count
      var state = State(taken: [UInt64](repeating: 0, count: (operations.count + 63) / 64), value: nil)
      var visited: Set<State> = [state]
      var stack: [(operation: Int, value: Int64?)] = []
      var deepest = 0
      var place = next[head]
      while endsLeft > 0 {
        if place != head, !events[place].isEnd {
          let operation = events[place].operation
          var after = state
          if operations[operation].apply(to: &after.value) {
            after.taken[operation / 64] |= 1 << UInt64(operation % 64)
            if visited.insert(after).inserted {
              if visited.count > statesMax { return .undecided }
              stack.append((operation, state.value))
              deepest = max(deepest, stack.count)
              state = after
              lift(operation)
              place = next[head]
              continue
            }
          }
          place = next[place]
        } else {
          // An end, or nothing left to try: the choice made last was wrong.
          guard let last = stack.popLast() else { return .violation(explained: deepest) }
          state.taken[last.operation / 64] &= ~(1 << UInt64(last.operation % 64))
          state.value = last.value
          putBack(last.operation)
          place = next[startPlace[last.operation]]
        }
      }
      return .linearizable
    }

    private mutating func lift(_ operation: Int) {
      unlink(startPlace[operation])
      if endPlace[operation] >= 0 {
        unlink(endPlace[operation])
        endsLeft -= 1
      }
    }

    /// The exact reverse of `lift`, in the reverse order.
    private mutating func putBack(_ operation: Int) {
      if endPlace[operation] >= 0 {
        link(endPlace[operation])
        endsLeft += 1
      }
      link(startPlace[operation])
    }

    private mutating func unlink(_ place: Int) {
      next[previous[place]] = next[place]
      previous[next[place]] = previous[place]
    }

    private mutating func link(_ place: Int) {
      next[previous[place]] = place
      previous[next[place]] = place
    }
  }
}
