import HeapModule

/// What is going to happen at a later moment of simulated time.
struct EventQueue {
  enum Action {
    /// A loop's timer.
    case timer(LoopTimer, SimulatedLoop)
    /// Something that happens to the world: bytes arrive, a disk is done.
    case world(() -> Void)
  }

  private struct Entry: Comparable {
    let time: UInt64
    let sequence: UInt64
    let action: Action
    static func == (a: Self, b: Self) -> Bool { a.sequence == b.sequence }
    static func < (a: Self, b: Self) -> Bool { a.time < b.time || (a.time == b.time && a.sequence < b.sequence) }

    var isVoid: Bool {
      switch action {
      case .timer(let timer, _): timer.isCancelled
      case .world: false
      }
    }
  }

  private var heap = Heap<Entry>()
  private var sequence: UInt64 = 0
  private var sweepAt = 4096

  var nextTime: UInt64? { heap.min?.time }

  mutating func add(at time: UInt64, _ action: Action) {
    if heap.count >= sweepAt {
      heap = Heap(heap.unordered.filter { !$0.isVoid })
      sweepAt = max(4096, heap.count * 2)
    }
    sequence += 1
    heap.insert(Entry(time: time, sequence: sequence, action: action))
  }

  mutating func pop() -> Action? { heap.popMin()?.action }
}
