import Keys
import NodeCore
import PostgresWire
import SQL
import Tablet

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `/metrics` in Prometheus' text format (version 0.0.4). Per node; tablets only where asked for, and with a limit, since
/// their number is not bounded (FAULTS: cardinality is the classic failure).
struct MetricsPage {
  var node: NodeCore
  var sql: PostgresServer
  var sessions: SessionRegistry
  /// Microseconds since the Unix epoch.
  var started: UInt64

  func text(tabletLimit: Int) async -> String {
    var page = Page()
    let log = node.log.metrics
    page.gauge("apus_info", "The version, as a label.", 1, labels: [("version", ApusVersion.text)])
    page.gauge("process_start_time_seconds", "When the process started.", Double(started) / 1e6)
    let process = ProcessFacts.read()
    page.counter("process_cpu_seconds_total", "CPU time used.", process.cpuSeconds)
    page.gauge("process_resident_memory_bytes", "Resident memory.", Double(process.residentBytes))
    page.counter("apus_log_syncs_total", "Syncs of the write-ahead log.", Double(log.syncs))
    page.counter("apus_log_appends_total", "Appends that were made durable.", Double(log.appends))
    page.counter("apus_log_records_total", "Records written.", Double(log.records))
    page.counter("apus_log_bytes_total", "Bytes written.", Double(log.bytes))
    page.gauge("apus_log_size_bytes", "Size of the write-ahead log on disk.", Double(log.bytesOnDisk))
    page.gauge(
      "apus_disk_full", "Whether the disk has no room for the write-ahead log or for a store.",
      await node.tablets.isDiskFull ? 1 : 0)
    page.gauge("apus_log_segments", "Segments of the write-ahead log.", Double(log.segments))
    page.histogram(
      "apus_log_sync_duration_seconds", "Time to write and sync one frame of the log.", counts: log.histogram,
      sum: Double(log.syncNanoseconds) / 1e9
    ) { Double(64_000 << $0) / 1e9 }
    let tablets = node.tablets.hosts.map(\.counters)
    page.counter(
      "apus_consensus_entries_total", "Log entries that leaders here proposed.",
      Double(tablets.reduce(0) { $0 + $1.entries }))
    page.counter(
      "apus_consensus_records_total", "Writes and steps of transactions in those entries.",
      Double(tablets.reduce(0) { $0 + $1.records }))
    page.counter(
      "apus_raft_frames_total", "Frames of Raft messages to other nodes.", Double(tablets.reduce(0) { $0 + $1.frames }))
    page.counter(
      "apus_raft_messages_total", "Raft messages to other nodes.", Double(tablets.reduce(0) { $0 + $1.messages }))
    let wire = sql.counters
    page.gauge("apus_sql_connections", "SQL connections open.", Double(wire.connectionsOpen))
    page.counter("apus_sql_connections_accepted_total", "SQL connections accepted.", Double(wire.connectionsAccepted))
    page.counter("apus_sql_connections_refused_total", "SQL connections refused.", Double(wire.connectionsRefused))
    page.counter("apus_sql_messages_received_total", "Protocol messages from clients.", Double(wire.messagesReceived))
    page.counter("apus_sql_received_bytes_total", "Bytes from clients.", Double(wire.bytesReceived))
    page.counter("apus_sql_sent_bytes_total", "Bytes to clients.", Double(wire.bytesSent))
    page.counter("apus_sql_rows_sent_total", "Rows sent to clients.", Double(wire.rowsSent))
    page.counter(
      "apus_sql_protocol_violations_total", "Connections that broke the protocol.", Double(wire.protocolViolations))
    page.counter(
      "apus_sql_statement_restarts_total",
      "Statements that lost against another transaction and ran again by themselves.",
      Double(sessions.statementRestarts))
    let reads = node.gateway.counters.values
    page.counter(
      "apus_reads_moved_total", "Reads of several tablets that went to a later time because of newer rows.",
      Double(reads.readsMoved))
    page.counter(
      "apus_reads_asked_again_total", "Tablets that such reads had to ask once more.", Double(reads.tabletsAskedAgain))
    let peers = node.transport.peerStatus().sorted { $0.key < $1.key }
    page.begin("apus_peer_connected", "Whether another node is connected.", "gauge")
    for (peer, status) in peers {
      page.sample("apus_peer_connected", status.isConnected ? 1 : 0, [("peer", "\(peer.rawValue)")])
    }
    page.begin("apus_peer_round_trip_seconds", "Round trip of the last ping.", "gauge")
    for (peer, status) in peers {
      if let time = status.roundTripNanoseconds {
        page.sample("apus_peer_round_trip_seconds", Double(time) / 1e9, [("peer", "\(peer.rawValue)")])
      }
    }
    page.begin("apus_peer_sent_bytes_total", "Bytes sent to another node.", "counter")
    for (peer, status) in peers {
      page.sample("apus_peer_sent_bytes_total", Double(status.bytesSent), [("peer", "\(peer.rawValue)")])
    }
    page.begin("apus_peer_received_bytes_total", "Bytes received from another node.", "counter")
    for (peer, status) in peers {
      page.sample("apus_peer_received_bytes_total", Double(status.bytesReceived), [("peer", "\(peer.rawValue)")])
    }
    let replicas = await node.tablets.status()
    page.gauge("apus_replicas", "Replicas on this node.", Double(replicas.count))
    page.gauge("apus_leaders", "Tablets that this node leads.", Double(replicas.count { $0.isLeader }))
    page.gauge("apus_catalog_version", "Version of the catalog here.", Double(node.catalog.current.version))
    page.gauge(
      "apus_store_bytes", "Bytes of all stores, on disk and in memory.",
      Double(replicas.reduce(0) { $0 + $1.sizeBytes }))
    let rows = node.rowCache.counters
    page.counter("apus_row_cache_hits_total", "Rows that were read from the row cache.", Double(rows.hits))
    page.counter("apus_row_cache_misses_total", "Rows that were not in the row cache.", Double(rows.misses))
    page.gauge("apus_row_cache_bytes", "Memory of the row cache.", Double(rows.bytes))
    let compactions = node.compactor.counters
    page.counter("apus_compactions_total", "Stores rewritten to be rid of garbage.", Double(compactions.completed))
    page.counter("apus_compactions_failed_total", "Rewrites that failed.", Double(compactions.failed))
    page.counter(
      "apus_compaction_freed_bytes_total", "Bytes on disk that rewrites have freed.", Double(compactions.freedBytes))
    if tabletLimit > 0 {
      page.begin("apus_tablet_store_bytes", "Bytes of one tablet's store.", "gauge")
      for replica in replicas.prefix(tabletLimit) {
        page.sample("apus_tablet_store_bytes", Double(replica.sizeBytes), [("tablet", "\(replica.tablet.rawValue)")])
      }
      page.begin("apus_tablet_applied_index", "Last log entry applied here.", "gauge")
      for replica in replicas.prefix(tabletLimit) {
        page.sample(
          "apus_tablet_applied_index", Double(replica.appliedIndex), [("tablet", "\(replica.tablet.rawValue)")])
      }
    }
    return page.text
  }
}

/// Lines of the exposition format.
private struct Page {
  var text = ""

  mutating func begin(_ name: String, _ help: String, _ type: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func sample(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
    let list = labels.isEmpty ? "" : "{" + labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",") + "}"
    let number = value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    text += "\(name)\(list) \(number)\n"
  }

  mutating func gauge(_ name: String, _ help: String, _ value: Double, labels: [(String, String)] = []) {
    begin(name, help, "gauge")
    sample(name, value, labels)
  }

  mutating func counter(_ name: String, _ help: String, _ value: Double) {
    begin(name, help, "counter")
    sample(name, value)
  }

  /// - Parameter upperBound: of the bucket with this number, in the metric's unit; the last bucket has none.
  mutating func histogram(_ name: String, _ help: String, counts: [Int], sum: Double, upperBound: (Int) -> Double) {
    begin(name, help, "histogram")
    var total = 0
    for (number, count) in counts.enumerated() {
      total += count
      let bound = number == counts.count - 1 ? "+Inf" : "\(upperBound(number))"
      sample("\(name)_bucket", Double(total), [("le", bound)])
    }
    sample("\(name)_sum", sum)
    sample("\(name)_count", Double(total))
  }
}

/// What the operating system says of this process.
struct ProcessFacts {
  var cpuSeconds = 0.0
  var residentBytes = 0

  static func read() -> ProcessFacts {
    var facts = ProcessFacts()
    var usage = rusage()
    if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
      for time in [usage.ru_utime, usage.ru_stime] {
        facts.cpuSeconds += Double(time.tv_sec) + Double(time.tv_usec) / 1e6
      }
      // The peak where the current figure is not to be had.
      facts.residentBytes = usage.ru_maxrss * 1024
    }
    if let file = fopen("/proc/self/statm", "r") {
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 256)
      if fgets(&line, Int32(line.count), file) != nil {
        let fields = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        if fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) {
          facts.residentBytes = pages * Int(sysconf(Int32(_SC_PAGESIZE)))
        }
      }
    }
    return facts
  }
}
