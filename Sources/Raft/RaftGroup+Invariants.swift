extension RaftGroup {
  /// Checks what must always be true of one replica. For tests, after every step.
  package func checkInvariants() {
    precondition(leadership == nil || candidacy == nil, "both leader and candidate")
    precondition(log.base.index <= appliedIndex, "compacted \(log.base) but applied only \(appliedIndex)")
    precondition(appliedIndex <= announcedIndex, "applied \(appliedIndex) above announced \(announcedIndex)")
    precondition(announcedIndex <= commitIndex, "announced \(announcedIndex) above commit \(commitIndex)")
    precondition(announcedIndex <= log.persisted, "announced \(announcedIndex) above persisted \(log.persisted)")
    precondition(commitIndex <= log.last.index, "commit \(commitIndex) behind the log's end \(log.last)")
    precondition(log.persisted <= log.last.index, "persisted \(log.persisted) behind the log's end \(log.last)")
    precondition(log.last.term <= term, "log of \(log.last) in term \(term)")
    precondition(durable.term <= term, "durable term \(durable.term) above \(term)")
    precondition(durable.horizon <= hardState.horizon, "durable horizon above the hard state's")
    precondition(history.index <= log.last.index, "configuration at \(history.index) behind \(log.last)")
    if let leadership { checkInvariants(leadership) }
  }

  private func checkInvariants(_ leadership: Leadership) {
    precondition(leader == id, "leads, but follows \(String(describing: leader))")
    precondition(durable.term == term && durable.vote == id, "leads on a vote that is not durable")
    precondition(leadership.horizon.granted <= leadership.horizon.value, "granted more horizon than was asked for")
    precondition(leadership.replications.map(\.id) == configuration.members, "replicates to others than the members")
    for replication in leadership.replications {
      precondition(replication.match < replication.next, "\(replication.id) matches behind its next")
      precondition(replication.match <= log.last.index, "\(replication.id) matches behind the log's end")
      if replication.id == id {
        precondition(replication.match <= log.persisted, "counts its own entries before they are durable")
      }
    }
  }
}
