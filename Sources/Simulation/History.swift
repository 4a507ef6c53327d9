/// What clients did to one register and what they saw, in simulated time: the input of the linearizability checker.
package struct RegisterOperation: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case write(Int64)
    /// What was read; nil where the register was not there.
    case read(Int64?)
  }

  package var kind: Kind
  /// When the client asked, in nanoseconds of simulated time.
  package var start: UInt64
  /// When it had its answer; nil where it never heard whether the write took effect.
  package var end: UInt64?

  package init(kind: Kind, start: UInt64, end: UInt64?) {
    self.kind = kind
    self.start = start
    self.end = end
  }
}

/// Checks that a history of one register could have happened one operation at a time, each somewhere between its start
/// and its end (Wing and Gong 1993, with Lowe's memo of visited states, 2017). A write that was never answered may take
/// effect at any time after its start, or never.
///
/// Exponential in the worst case: keep a few hundred operations to a register and few of them at once.
package enum LinearizabilityChecker {
  /// - Returns: whether some order explains the history.
  package static func isLinearizable(_ history: [RegisterOperation]) -> Bool {
    let operations = history.sorted { ($0.start, $0.end ?? .max) < ($1.start, $1.end ?? .max) }
    var search = Search(operations: operations)
    return search.run()
  }

  private struct State: Hashable {
    /// Bits of the operations that have taken their place, from `first` on.
    var done: [UInt64]
    var value: Int64?
  }

  private struct Search {
    let operations: [RegisterOperation]
    var visited: Set<State> = []

    init(operations: [RegisterOperation]) { self.operations = operations }

    mutating func run() -> Bool {
      var stack: [(state: State, next: Int)] = [
        (State(done: [UInt64](repeating: 0, count: (operations.count + 63) / 64), value: nil), 0)
      ]
      visited.insert(stack[0].state)
      while var top = stack.popLast() {
        if isComplete(top.state) { return true }
        // The next operation must have begun before every other one that is left had ended.
        let bound = earliestEnd(top.state)
        var candidate = top.next
        while candidate < operations.count, operations[candidate].start <= bound {
          defer { candidate += 1 }
          if contains(top.state, candidate) { continue }
          guard let after = apply(candidate, to: top.state), visited.insert(after).inserted else { continue }
          top.next = candidate + 1
          stack.append(top)
          stack.append((after, 0))
          break
        }
      }
      return false
    }

    private func contains(_ state: State, _ index: Int) -> Bool {
      state.done[index / 64] & (1 << UInt64(index % 64)) != 0
    }

    private func isComplete(_ state: State) -> Bool {
      operations.indices.allSatisfy { contains(state, $0) || operations[$0].end == nil }
    }

    private func earliestEnd(_ state: State) -> UInt64 {
      var earliest = UInt64.max
      for index in operations.indices where !contains(state, index) {
        if let end = operations[index].end { earliest = min(earliest, end) }
      }
      return earliest
    }

    private func apply(_ index: Int, to state: State) -> State? {
      var after = state
      after.done[index / 64] |= 1 << UInt64(index % 64)
      switch operations[index].kind {
      case .write(let value): after.value = value
      case .read(let value): guard value == state.value else { return nil }
      }
      return after
    }
  }
}
