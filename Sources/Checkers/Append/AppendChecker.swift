/// W-APPEND: judges transactions that append unique values to lists and read whole lists, in the manner of Elle
/// (Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental observations", VLDB 2020).
///
/// A list tells its own history: the longest read of a key is the order of its versions. From that order follows who
/// must come before whom, and a cycle in that is an anomaly; which cycles count depends on the levels of the
/// transactions in it:
///
/// | cycle | of | counts for |
/// |---|---|---|
/// | G0 | ww | everyone |
/// | G1c | ww, wr | everyone |
/// | G-single, lost update, G-nonadjacent | ww, wr, rw, no two rw in a row | readers (at an rw) from REPEATABLE READ on |
/// | G2-item | ww, wr, rw | cycles of SERIALIZABLE transactions alone (PostgreSQL 15 manual §13.2.3) |
/// | … -session, -realtime | and "was over before" | cycles of transactions from `realTimeFrom` on |
///
/// Everything else (own writes, aborted and intermediate reads, lost, doubled and made-up elements) counts at every
/// level. A transaction of unknown outcome has happened as soon as somebody else sees an element of it. The reads of
/// transactions that aborted are judged too: multi-version stores promise them as much.
///
/// Time and memory grow with the number of list elements read, and of transactions times how many run at once.
package struct AppendChecker: Sendable {
  /// The weakest level whose transactions must respect real time.
  package var realTimeFrom: IsolationLevel

  package init(realTimeFrom: IsolationLevel = .serializable) { self.realTimeFrom = realTimeFrom }

  /// - Returns: what is wrong, cycles last; empty for a history that could have happened.
  package func check(_ history: [Transaction]) -> [Anomaly] {
    let lists = ListHistory(history)
    var findings = lists.findings
    let graph = DependencyGraph(lists, realTimeFrom: realTimeFrom)
    var search = CycleSearch(graph, realTimeFrom: realTimeFrom, lost: lists.lost)
    for cycle in search.run() {
      let anomaly = CycleReport(graph: graph, cycle: cycle).anomaly
      findings.add(anomaly, of: anomaly.kind)
    }
    return findings.anomalies
  }
}
