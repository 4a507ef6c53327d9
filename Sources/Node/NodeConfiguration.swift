import Keys
import NodeCore
import Runtime
import Tablet
import Transport
import Yams

/// How an operator describes one node: by a YAML file, the environment and flags, in that order of rising strength.
///
/// `cluster/node.yaml` is a commented example of every key.
package struct NodeConfiguration: Sendable, Equatable {
  package var node: UInt32 = 1
  /// 32 hexadecimal digits, the same on every node of the cluster.
  package var cluster = String(repeating: "0", count: 31) + "1"
  package var cloud = "local"
  package var region = "local"
  package var zone = "a"
  package var dataDirectory = ".apus/node1"
  package var sqlHost = "127.0.0.1"
  package var sqlPort = 5433
  package var rpcHost = "127.0.0.1"
  package var rpcPort = 7433
  package var httpHost = "127.0.0.1"
  package var httpPort = 8433
  /// Every node of the cluster, as `number=host:port`, this one included. Empty: this node alone.
  package var members: [String] = []
  package var replicationFactor = 3
  /// How far the clocks of two nodes may be apart, in milliseconds.
  package var maxClockSkewMilliseconds = 500
  /// Event loops; 0 stands for one.
  package var loops = 0
  /// trace, debug, info, notice, warning, error or critical.
  package var logLevel = "info"
  /// Memory for blocks of stored data that were read, in MiB.
  package var blockCacheMebibytes = 128
  /// Memory for the newest versions of rows that are read by key, in MiB; 0 for none.
  package var rowCacheMebibytes = 64
  /// Memory that one transaction's writes to one tablet take before they go to the disk, in MiB.
  package var transactionMebibytes = TabletSettings().spillBytes >> 20
  /// Clients at once.
  package var connectionsMax = 10_000

  package init() {}
}

/// A setting that cannot be used: which, where from, why.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

extension NodeConfiguration {
  /// One key of the configuration: how it is named everywhere, and how its text becomes a value.
  struct Key: Sendable {
    /// As in the file; `APUS_` and upper case in the environment, hyphens in flags.
    var name: String
    var help: String
    var set: @Sendable (inout NodeConfiguration, String) throws(ConfigurationError) -> Void
  }

  static let keys: [Key] = [
    // As much as a process id has room for (`ProcessID`).
    number("node", "This node's number, its own in the cluster.", 1...2047) { $0.node = UInt32($1) },
    text("cluster", "The cluster's id: 32 hexadecimal digits, the same on all nodes.") { $0.cluster = $1 },
    text("cloud", "Where the node is, for placement rules.") { $0.cloud = $1 },
    text("region", "Where the node is, for placement rules.") { $0.region = $1 },
    text("zone", "Where the node is; replicas of a tablet are kept in different zones.") { $0.zone = $1 },
    text("data_directory", "Where the node keeps its data.") { $0.dataDirectory = $1 },
    text("sql_host", "The address for SQL clients.") { $0.sqlHost = $1 },
    number("sql_port", "The port for SQL clients.", 1...65535) { $0.sqlPort = $1 },
    text("rpc_host", "The address for other nodes.") { $0.rpcHost = $1 },
    number("rpc_port", "The port for other nodes.", 1...65535) { $0.rpcPort = $1 },
    text("http_host", "The address for /livez, /readyz, /metrics and /status.") { $0.httpHost = $1 },
    number("http_port", "The port for /livez, /readyz, /metrics and /status.", 1...65535) { $0.httpPort = $1 },
    text("members", "All nodes, as 1=host:port,2=host:port,….") {
      $0.members = $1.split(separator: ",").map { $0.filter { $0 != " " } }
    },
    number("replication_factor", "Replicas of each tablet: 1, 3, 5 or 7.", 1...7) { $0.replicationFactor = $1 },
    number("max_clock_skew_ms", "How far the clocks of two nodes may be apart.", 1...60_000) {
      $0.maxClockSkewMilliseconds = $1
    },
    number("loops", "Event loops; 0 stands for one.", 0...64) { $0.loops = $1 },
    text("log_level", "trace, debug, info, notice, warning, error or critical.") { $0.logLevel = $1 },
    number("block_cache_mib", "Memory for stored blocks that were read, in MiB.", 1...1_048_576) {
      $0.blockCacheMebibytes = $1
    },
    number("row_cache_mib", "Memory for rows that are read by key, in MiB; 0 for none.", 0...1_048_576) {
      $0.rowCacheMebibytes = $1
    },
    number(
      "transaction_mib", "Memory for what one transaction writes to one tablet; beyond it goes to the disk, in MiB.",
      1...65_536
    ) { $0.transactionMebibytes = $1 },
    number("connections_max", "SQL clients at once.", 1...1_000_000) { $0.connectionsMax = $1 },
  ]

  private static func text(
    _ name: String, _ help: String, _ set: @escaping @Sendable (inout NodeConfiguration, String) -> Void
  ) -> Key {
    Key(name: name, help: help) { configuration, value throws(ConfigurationError) in
      guard !value.isEmpty else { throw ConfigurationError("\(name) is empty") }
      set(&configuration, value)
    }
  }

  private static func number(
    _ name: String, _ help: String, _ range: ClosedRange<Int>,
    _ set: @escaping @Sendable (inout NodeConfiguration, Int) -> Void
  ) -> Key {
    Key(name: name, help: help) { configuration, value throws(ConfigurationError) in
      guard let number = Int(value), range.contains(number) else {
        throw ConfigurationError(
          "\(name) is \"\(value)\"; it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      set(&configuration, number)
    }
  }

  /// Puts the sources together: defaults, then the file, the environment, and flags.
  /// - Parameters:
  ///   - file: the text of a YAML file, and its name for messages.
  ///   - environment: all variables; only those that begin with `APUS_` and name a key count.
  ///   - flags: key to value.
  package static func load(
    file: (name: String, text: String)?, environment: [String: String], flags: [String: String]
  ) throws(ConfigurationError) -> NodeConfiguration {
    var configuration = NodeConfiguration()
    if let file { try configuration.apply(yaml: file.text, named: file.name) }
    for key in keys {
      if let value = environment["APUS_" + key.name.uppercased()] {
        try configuration.apply(key, value, from: "environment variable APUS_\(key.name.uppercased())")
      }
    }
    for key in keys {
      if let value = flags[key.name] {
        try configuration.apply(key, value, from: "flag --\(key.name.replacing("_", with: "-"))")
      }
    }
    try configuration.check()
    return configuration
  }

  private mutating func apply(_ key: Key, _ value: String, from source: String) throws(ConfigurationError) {
    do throws(ConfigurationError) {
      try key.set(&self, value)
    } catch {
      throw ConfigurationError("\(source): \(error)")
    }
  }

  private mutating func apply(yaml text: String, named name: String) throws(ConfigurationError) {
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      throw ConfigurationError("\(name) is not YAML: \(error)")
    }
    guard let node else { return }
    guard let mapping = node.mapping else { throw ConfigurationError("\(name): a list of `key: value` is expected") }
    for (keyNode, valueNode) in mapping {
      let line = keyNode.mark.map { ", line \($0.line)" } ?? ""
      guard let keyName = keyNode.scalar?.string, let key = Self.keys.first(where: { $0.name == keyName }) else {
        let known = Self.keys.map(\.name).joined(separator: ", ")
        throw ConfigurationError(
          "\(name)\(line): there is no setting \"\(keyNode.scalar?.string ?? "?")\". The settings are: \(known)")
      }
      let value: String
      if let sequence = valueNode.sequence {
        value = sequence.compactMap { $0.scalar?.string }.joined(separator: ",")
      } else if let scalar = valueNode.scalar {
        value = scalar.string
      } else {
        throw ConfigurationError("\(name)\(line): \(keyName) must be a value or a list of values")
      }
      try apply(key, value, from: "\(name)\(line)")
    }
  }

  private func check() throws(ConfigurationError) {
    guard clusterID != nil else {
      throw ConfigurationError("cluster is \"\(cluster)\"; it must be 32 hexadecimal digits")
    }
    guard replicationFactor % 2 == 1 else {
      throw ConfigurationError(
        "replication_factor is \(replicationFactor); an even number survives no more failures than the odd one below it"
      )
    }
    let members = try memberAddresses()
    guard members[NodeID(node)] != nil else {
      throw ConfigurationError("members does not list this node, number \(node)")
    }
  }

  package var clusterID: ClusterID? {
    guard cluster.utf8.count == 32, let high = UInt64(cluster.prefix(16), radix: 16),
      let low = UInt64(cluster.suffix(16), radix: 16)
    else { return nil }
    return ClusterID(high: high, low: low)
  }

  package func memberAddresses() throws(ConfigurationError) -> [NodeID: Address] {
    if members.isEmpty { return [NodeID(node): Address(host: rpcHost, port: rpcPort)] }
    var addresses: [NodeID: Address] = [:]
    for member in members {
      guard let equals = member.firstIndex(of: "="), let colon = member.lastIndex(of: ":"), equals < colon,
        let number = UInt32(member[..<equals]), number > 0, let port = Int(member[member.index(after: colon)...]),
        (1...65535).contains(port)
      else { throw ConfigurationError("members has \"\(member)\"; each member is number=host:port") }
      let host = String(member[member.index(after: equals)..<colon])
      guard addresses.updateValue(Address(host: host, port: port), forKey: NodeID(number)) == nil else {
        throw ConfigurationError("members lists node \(number) twice")
      }
    }
    return addresses
  }

  /// The flags of `apus start`: name and help.
  package static var flagHelp: [(name: String, help: String)] { keys.map { ($0.name, $0.help) } }
}
