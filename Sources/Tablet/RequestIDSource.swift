import DequeModule
import Keys
import Synchronization

/// Names the requests of one gateway and knows which of them still run, so that tablets can forget the others.
package final class RequestIDSource: Sendable {
  /// A request's name, and the sequence below which this gateway will never ask again.
  package struct Ticket: Sendable {
    package var id: RequestID
    package var floor: UInt64
  }

  private struct State {
    var next: UInt64 = 1
    /// Whether each sequence from `floor` on is finished.
    var floor: UInt64 = 1
    var finished: Deque<Bool> = []
  }

  package let client: UInt64
  private let state = Mutex(State())

  /// - Parameter client: drawn at random; tells this gateway's requests from all others.
  package init(client: UInt64) { self.client = client }

  package func next() -> Ticket {
    state.withLock { state in
      let sequence = state.next
      state.next += 1
      state.finished.append(false)
      return Ticket(id: RequestID(client: client, sequence: sequence), floor: state.floor)
    }
  }

  /// The request has its answer, or is given up: it will not be sent again.
  package func finished(_ id: RequestID) {
    state.withLock { state in
      guard id.client == client, id.sequence >= state.floor else { return }
      let offset = Int(id.sequence - state.floor)
      guard offset < state.finished.count else { return }
      state.finished[offset] = true
      while state.finished.first == true {
        state.finished.removeFirst()
        state.floor += 1
      }
    }
  }
}

extension TabletAnswer {
  package func map<Other: Sendable>(_ transform: (Value) -> Other) -> TabletAnswer<Other> {
    switch self {
    case .done(let value): .done(transform(value))
    case .failed(let error): .failed(error)
    case .notLeader(let hint): .notLeader(hint: hint)
    case .notReady: .notReady
    case .noRoom: .noRoom
    case .unknownTablet: .unknownTablet
    case .schemaMismatch(let version): .schemaMismatch(version: version)
    case .outcomeUnknown: .outcomeUnknown
    case .uncertain(let time): .uncertain(time)
    }
  }
}
