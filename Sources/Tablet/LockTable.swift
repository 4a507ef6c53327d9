import DequeModule

/// Exclusive row locks of one tablet, in the leader's memory: first come, first served, so nobody starves.
///
/// An owner asks once, for a set of keys or for the whole tablet, and lets all of it go at once; it never asks for more
/// while it holds some, so there can be no deadlock within a tablet.
///
/// Invariants: the first owner in a key's queue holds that key; an owner runs when it is first in each of its queues and
/// nobody who asked for the whole tablet came before it and is still here.
package struct LockTable: Sendable {
  package typealias Owner = UInt64

  package enum Request: Sendable {
    /// Document keys, each once.
    case keys([[UInt8]])
    case wholeTablet
  }

  private struct Holding {
    var request: Request
    /// Queues in which this owner is not first yet.
    var waitingFor: Int
    var isRunning: Bool
  }

  private var queues: [[UInt8]: Deque<Owner>] = [:]
  private var owners: [Owner: Holding] = [:]
  /// Requests that stand behind a request for the whole tablet, in order; the first may be that request itself.
  private var gate: Deque<(owner: Owner, request: Request)> = []
  private var runningCount = 0
  private var wholeTabletHolder: Owner?

  package init() {}

  /// How many owners hold or wait.
  package var ownerCount: Int { owners.count + gate.count }

  /// Asks for locks. Returns whether they are granted at once; otherwise `owner` turns up in what `release` returns.
  package mutating func acquire(_ request: Request, owner: Owner) -> Bool {
    precondition(owners[owner] == nil, "lock owner \(owner) asked twice")
    if wholeTabletHolder != nil || !gate.isEmpty {
      gate.append((owner, request))
      return false
    }
    return admit(request, owner: owner)
  }

  /// Puts a request that nothing in the gate precedes into the queues; whole-tablet requests wait for an empty tablet.
  private mutating func admit(_ request: Request, owner: Owner) -> Bool {
    switch request {
    case .wholeTablet:
      guard owners.isEmpty else {
        gate.append((owner, request))
        return false
      }
      owners[owner] = Holding(request: request, waitingFor: 0, isRunning: true)
      wholeTabletHolder = owner
      return true
    case .keys(let keys):
      var waitingFor = 0
      for key in keys {
        queues[key, default: []].append(owner)
        if queues[key]!.count > 1 { waitingFor += 1 }
      }
      owners[owner] = Holding(request: request, waitingFor: waitingFor, isRunning: waitingFor == 0)
      return waitingFor == 0
    }
  }

  /// Lets go of everything that `owner` holds or waits for. Returns the owners that may run now, in order.
  package mutating func release(_ owner: Owner) -> [Owner] {
    var granted: [Owner] = []
    if let holding = owners.removeValue(forKey: owner) {
      switch holding.request {
      case .wholeTablet:
        wholeTabletHolder = nil
      case .keys(let keys):
        for key in keys {
          guard var queue = queues.removeValue(forKey: key) else { continue }
          let wasFirst = queue.first == owner
          queue.removeAll { $0 == owner }
          if let next = queue.first {
            queues[key] = queue
            if wasFirst, owners[next] != nil {
              owners[next]!.waitingFor -= 1
              if owners[next]!.waitingFor == 0 {
                owners[next]!.isRunning = true
                granted.append(next)
              }
            }
          }
        }
      }
    } else {
      gate.removeAll { $0.owner == owner }
    }
    openGate(granted: &granted)
    return granted
  }

  private mutating func openGate(granted: inout [Owner]) {
    while wholeTabletHolder == nil, let first = gate.first {
      switch first.request {
      case .wholeTablet:
        guard owners.isEmpty else { return }
        gate.removeFirst()
        _ = admit(first.request, owner: first.owner)
        granted.append(first.owner)
        return
      case .keys:
        gate.removeFirst()
        if admit(first.request, owner: first.owner) { granted.append(first.owner) }
      }
    }
  }

  /// Costly; tests call it after each step.
  package func checkInvariants() {
    for (key, queue) in queues {
      precondition(!queue.isEmpty, "an empty queue stays for key \(key)")
      for owner in queue { precondition(owners[owner] != nil, "a queue names \(owner), who is gone") }
    }
    for (owner, holding) in owners {
      guard case .keys(let keys) = holding.request else { continue }
      let behind = keys.count { queues[$0]?.first != owner }
      precondition(behind == holding.waitingFor, "owner \(owner) waits for \(behind), noted \(holding.waitingFor)")
      precondition(holding.isRunning == (behind == 0), "owner \(owner) runs without its locks")
    }
    if wholeTabletHolder != nil { precondition(owners.count == 1, "somebody runs beside a whole-tablet lock") }
  }
}
