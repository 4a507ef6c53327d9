import Foundation
import Keys
import NodeCore
import Operations
import PostgresWire
import SQL
import Tablet

/// What operators and their tools ask of a node over HTTP: `/livez`, `/readyz`, `/metrics`, `/status`,
/// `/transactions`.
struct StatusPages: Sendable {
  var node: NodeCore
  var sql: PostgresServer
  var sessions: SessionRegistry
  /// Microseconds since the Unix epoch.
  var started: UInt64

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    switch request.path {
    case "/livez", "/healthz":
      // Only that the process makes progress: no quorum, no disk. A supervisor kills nodes that fail here.
      return HTTPResponse(status: 200, body: "ok\n")
    case "/readyz": return await readiness(verbose: request.query["verbose"] != nil)
    case "/metrics":
      let perTablet = request.query["level"] == "tablet"
      let limit = request.query["limit"].flatMap { Int($0) } ?? 1000
      return HTTPResponse(
        status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
        body: await MetricsPage(node: node, sql: sql, sessions: sessions, started: started)
          .text(tabletLimit: perTablet ? max(0, limit) : 0)
      )
    case "/status": return await status()
    case "/transactions": return await transactions()
    case "/":
      return HTTPResponse(
        status: 200,
        body: """
          Apus node \(node.configuration.node.rawValue)
          /livez              the process makes progress
          /readyz?verbose     it can serve SQL, check by check
          /metrics            for Prometheus; ?level=tablet&limit=N adds series for tablets
          /status             nodes, tables, tablets, leaders and lag, as JSON
          /transactions       open transactions of all nodes, and who waits for whom, as JSON

          """)
    default: return HTTPResponse(status: 404, body: "no such page; see /\n")
    }
  }

  private func readiness(verbose: Bool) async -> HTTPResponse {
    var checks: [(name: String, isOK: Bool, note: String)] = []
    let catalog = node.readiness
    checks.append(("catalog", catalog.isReady, catalog.reason))
    let isCurrent = node.gateway.catalogIsCurrent
    checks.append(
      ("lease", isCurrent, isCurrent ? "the catalog here is as it is everywhere" : "the catalog's leader is not heard"))
    let quorum = await catalogHasLeader()
    checks.append(("quorum", quorum, quorum ? "the catalog has a leader" : "the catalog has no leader that can serve"))
    checks.append(("clock", true, clockNote))
    let isReady = checks.allSatisfy(\.isOK)
    var body = ""
    if verbose || !isReady {
      for check in checks {
        body += "[\(check.isOK ? "+" : "-")]\(check.name) \(check.isOK ? "ok" : "failed"): \(check.note)\n"
      }
      // SQL is served all the same, by what other nodes lead.
      body +=
        await node.tablets.isDiskFull
        ? "[!]disk full: this node leads nothing, and acknowledges no writes, until there is room\n"
        : "[+]disk ok: there is room\n"
    }
    body += isReady ? "ready\n" : "not ready\n"
    return HTTPResponse(status: isReady ? 200 : 503, body: body)
  }

  /// A clock that is off shows in the other checks once it matters.
  private var clockNote: String {
    let (lag, allowed) = (node.clock.wallLagMicroseconds, node.clock.maxSkewMicroseconds)
    if lag > allowed { return "set back by \(lag / 1000) ms; times only count up until it has caught up" }
    let ahead = node.transport.peerStatus().compactMap { peer, status in
      status.clockOffsetMicroseconds.flatMap { $0 > Int64(clamping: allowed) ? "\(peer) by \($0 / 1000) ms" : nil }
    }
    return ahead.isEmpty
      ? "near to the others" : "behind \(ahead.sorted().joined(separator: ", ")): not heard until then"
  }

  private func catalogHasLeader() async -> Bool {
    let own = await node.tablets.host(of: .catalog).status().first { $0.tablet == .catalog }
    return own?.leader != nil
  }

  private func status() async -> HTTPResponse {
    let cluster = await node.gateway.clusterStatus()
    return json(
      StatusDocument(cluster: cluster, catalog: node.catalog.current, node: node.configuration.node))
  }

  private func transactions() async -> HTTPResponse {
    let open = await node.gateway.openTransactions()
    return json(TransactionsDocument(open, catalog: node.catalog.current))
  }

  private func json(_ document: some Encodable) -> HTTPResponse {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      let bytes = try encoder.encode(document)
      return HTTPResponse(
        status: 200, contentType: "application/json", body: String(decoding: bytes, as: UTF8.self) + "\n")
    } catch {
      return HTTPResponse(status: 500, body: "the answer cannot be written: \(error)\n")
    }
  }
}
