import Keys
import Logging
import Raft
import WriteAheadLog

/// What the replicas of a loop want from the world at the end of a turn: one append to the log for all of them, one
/// frame to each node.
struct TurnOutput {
  struct Envelope: Sendable {
    var tablet: TabletID
    var from: ReplicaID
    var to: ReplicaID
    var message: Message
  }
  struct Persisted: Sendable {
    var tablet: TabletID
    var replica: ReplicaID
    var position: LogPosition
    var hardState: HardState?
  }
  var records: [LogRecord] = []
  /// In the order of `records`; reported when they are durable.
  var persisted: [Persisted] = []
  var messages: [NodeID: [Envelope]] = [:]
}

extension TabletReplica {
  /// Proposes what waits and carries out every effect, in order, until there is none left.
  func runTurn(into output: inout TurnOutput) {
    if isRemoved { return }
    if isBehind, unwritten == nil { applyCommitted() }
    evaluateNextSlices()
    proposeQueued()
    var hasRecords = false
    var hardState: HardState?
    while !effects.isEmpty {
      let batch = effects
      effects.removeAll(keepingCapacity: true)
      for effect in batch {
        switch effect {
        case .persist(let entries, let truncateFrom, let state):
          hasRecords = true
          if let state {
            hardState = state
            output.records.append(.hardState(group: id.rawValue, state.encoded()))
          }
          if let truncateFrom {
            output.records.append(.truncate(group: id.rawValue, from: truncateFrom.raw))
          }
          if !entries.isEmpty {
            output.records.append(
              .entries(
                group: id.rawValue,
                entries.map { LogEntry(index: $0.index.raw, term: $0.position.term.raw, payload: $0.encoded()) }))
          }
        case .send(let to, let message):
          guard let node = nodes[to] else { continue }
          output.messages[node, default: []].append(
            TurnOutput.Envelope(tablet: id, from: replica, to: to, message: message))
        case .committed(let through):
          announced = max(announced, through)
          applyCommitted()
          // A catalog change waits for every node to have it.
          if id == .catalog { raft.announceCommit(effects: &effects) }
        case .becameLeader(let term):
          environment.logger.info("leader", metadata: ["tablet": "\(id)", "term": "\(term.raw)"])
          leadingSince = now
          refreshHorizon()
        case .steppedDown(let term, let leader):
          environment.logger.info(
            "leader no more",
            metadata: [
              "tablet": "\(id)", "term": "\(term.raw)",
              "leader": "\(leader.flatMap { nodes[$0] }?.description ?? "none")",
            ])
          leadingSince = nil
          abandonOperations()
        case .sendSnapshot(let to): turns.wantCheckpoint(id, to)
        case .readReady(let context, let index): catchUps.leaderAnswered(context, index: index)
        case .readRefused(let context): catchUps.refused(context)
        case .leaderChanged, .configurationChanged: break
        }
      }
    }
    if hasRecords {
      output.persisted.append(
        TurnOutput.Persisted(tablet: id, replica: replica, position: raft.lastPosition, hardState: hardState))
    }
    serveWaitingReads()
    catchUps.applied(through: raft.appliedIndex)
  }

  /// The log says that everything up to `position` is durable here.
  func persisted(_ report: TurnOutput.Persisted) {
    guard !isRemoved, report.replica == replica else { return }
    raft.persisted(through: report.position, hardState: report.hardState, effects: &effects)
    turns.mark(self)
  }
}
