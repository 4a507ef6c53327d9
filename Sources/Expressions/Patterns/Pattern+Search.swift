import Values

/// Where a pattern matched: the positions of the whole and of each group, in code points.
struct PatternMatch: Sendable {
  /// Start and end of each group, the whole first; −1 for a group that took no part.
  var positions: [Int]

  var range: Range<Int> { positions[0]..<positions[1] }

  func group(_ index: Int) -> Range<Int>? {
    guard 2 * index + 1 < positions.count, positions[2 * index] >= 0, positions[2 * index + 1] >= 0 else { return nil }
    return positions[2 * index]..<positions[2 * index + 1]
  }
}

extension Pattern {
  private struct Thread {
    var instruction: Int
    var positions: [Int]
  }

  /// The states of one position in the text, each once, the preferred first.
  private struct States {
    var threads: [Thread] = []
    /// For each instruction the step at which it was last added.
    var marks: [Int]

    init(count: Int) { marks = Array(repeating: -1, count: count) }
  }

  /// Whether it matches anywhere.
  /// - Throws: 2201B where the search takes too long.
  func matches(_ text: Scalars) throws(SQLError) -> Bool {
    try search(text, from: 0, capturing: false) != nil
  }

  /// The first match at or behind a position.
  func firstMatch(in text: Scalars, from start: Int = 0) throws(SQLError) -> PatternMatch? {
    try search(text, from: start, capturing: true)
  }

  private func search(_ text: Scalars, from start: Int, capturing: Bool) throws(SQLError) -> PatternMatch? {
    let slots = capturing ? 2 * (captureCount + 1) : 1
    var best: PatternMatch?
    var (now, next) = (States(count: program.count), States(count: program.count))
    var steps = 0
    for position in start...text.count {
      if best == nil {
        var positions = Array(repeating: -1, count: slots)
        positions[0] = position
        add(0, positions, position, text, to: &now, capturing: capturing)
      }
      if best != nil && now.threads.isEmpty { break }
      for thread in now.threads {
        steps += 1
        // A match that begins later than the best one is of no interest.
        if let best, thread.positions[0] > best.positions[0] || isLazy && thread.positions[0] == best.positions[0] {
          continue
        }
        if case .accept = program[thread.instruction] {
          if !capturing { return PatternMatch(positions: [thread.positions[0], position]) }
          var positions = thread.positions
          positions[1] = position
          // The threads of one position come preferred first; a later position means a longer match.
          if best.map({ positions[0] < $0.positions[0] || positions[1] > $0.positions[1] }) ?? true {
            best = PatternMatch(positions: positions)
          }
        } else if position < text.count, accepts(program[thread.instruction], text[position]) {
          add(thread.instruction + 1, thread.positions, position + 1, text, to: &next, capturing: capturing)
        }
      }
      guard steps <= Pattern.stepsMax else { throw .invalidPattern("regular expression is too complex") }
      swap(&now, &next)
      next.threads.removeAll(keepingCapacity: true)
    }
    return best
  }

  /// Adds a state and all that are reached from it without reading, in order of preference.
  private func add(
    _ instruction: Int, _ positions: [Int], _ position: Int, _ text: Scalars, to states: inout States, capturing: Bool
  ) {
    // A stack of our own: a chain of splits may be as long as the program.
    var stack = [(instruction, positions)]
    while let (instruction, positions) = stack.popLast() {
      if states.marks[instruction] == position { continue }
      states.marks[instruction] = position
      switch program[instruction] {
      case .jump(let target): stack.append((target, positions))
      case .split(let first, let second):
        stack.append((second, positions))
        stack.append((first, positions))
      case .save(let slot):
        var saved = positions
        if capturing { saved[slot] = position }
        stack.append((instruction + 1, saved))
      case .assertion(let assertion):
        if holds(assertion, at: position, text) { stack.append((instruction + 1, positions)) }
      case .scalar, .any, .set, .accept:
        states.threads.append(Thread(instruction: instruction, positions: positions))
      }
    }
  }

  private func accepts(_ instruction: Instruction, _ scalar: Unicode.Scalar) -> Bool {
    switch instruction {
    case .scalar(let wanted):
      scalar == wanted || options.ignoresCase && (foldDown(scalar) == foldDown(wanted))
    case .any: !(options.newlineStopsAny && scalar == "\n")
    case .set(let set):
      set.contains(scalar, ignoresCase: options.ignoresCase)
        && !(options.newlineStopsAny && set.isNegated && scalar == "\n")
    case .assertion, .save, .split, .jump, .accept: false
    }
  }

  private func holds(_ assertion: PatternNode.Assertion, at position: Int, _ text: Scalars) -> Bool {
    let before = position > 0 && ScalarSet.holds(.word, text[position - 1])
    let after = position < text.count && ScalarSet.holds(.word, text[position])
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .start: return position == 0 || options.newlineIsAnchor && text[position - 1] == "\n"
    case .end: return position == text.count || options.newlineIsAnchor && text[position] == "\n"
    case .wordStart: return !before && after
    case .wordEnd: return before && !after
    case .boundary: return before != after
    case .notBoundary: return before == after
    }
  }
}
