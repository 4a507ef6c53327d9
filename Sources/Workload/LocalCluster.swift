import Foundation
import PostgresClient

/// A cluster of real processes on this machine, by the scripts in `cluster/`.
package struct LocalCluster: Sendable {
  /// The folder with `start`, `stop`, `node` and the others.
  package var scripts: URL
  package var directory: URL
  /// Node 1's port for SQL; the others follow, node-to-node at +2000 and HTTP at +3000.
  package var sqlPort: Int
  package var nodes = 3
  /// The program to run as a node.
  package var binary: URL
  /// Settings of all its nodes, by their names in capitals behind `APUS_`.
  package var environment: [String: String] = [:]

  package init(scripts: URL, directory: URL, sqlPort: Int, binary: URL) {
    self.scripts = scripts
    self.directory = directory
    self.sqlPort = sqlPort
    self.binary = binary
  }

  /// A script that failed, with all that it wrote.
  package struct ScriptError: Error, CustomStringConvertible {
    package var command: String
    package var status: Int32
    package var output: String
    package var description: String { "\(command) ended with \(status):\n\(output)" }
  }

  package var targets: [PostgresConnection.Target] {
    (0..<nodes).map { PostgresConnection.Target(port: sqlPort + $0) }
  }

  // MARK: The scripts

  @discardableResult
  package func start() throws -> String {
    try checked("start", ["--no-build", "--nodes", "\(nodes)", "--sql-port", "\(sqlPort)"])
  }

  @discardableResult
  package func stop() throws -> String { try checked("stop", []) }

  @discardableResult
  package func destroy() throws -> String { try checked("destroy", []) }

  /// - Parameter verb: start, stop or kill.
  @discardableResult
  package func node(_ number: Int, _ verb: String) throws -> String { try checked("node", ["\(number)", verb]) }

  /// What `cluster/status` says, whatever its exit status.
  package func status(_ options: String...) throws -> Program.Output { try run("status", options) }

  private func checked(_ script: String, _ arguments: [String]) throws -> String {
    let output = try run(script, arguments)
    guard output.status == 0 else {
      throw ScriptError(command: "cluster/\(script)", status: output.status, output: output.text)
    }
    return output.text
  }

  /// Runs one script, for two minutes at most.
  package func run(_ script: String, _ arguments: [String]) throws -> Program.Output {
    let path = scripts.appendingPathComponent(script).path
    return try Program.run(
      "/usr/bin/timeout", ["120", path] + arguments + ["--dir", directory.path],
      environment.merging(["APUS_BINARY": binary.path]) { $1 })
  }

  // MARK: Processes

  /// The process of a node, as its pid file has it.
  package func processID(of number: Int) -> Int32? {
    let file = directory.appendingPathComponent("node\(number)/apus.pid")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
    return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// Whether a node's process is there and has not ended.
  package func isRunning(_ number: Int) -> Bool {
    guard let process = processID(of: number),
      let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let parenthesis = stat.lastIndex(of: ")")
    else { return false }
    return stat[stat.index(after: parenthesis)...].split(separator: " ").first != "Z"
  }

  /// Sends a signal to a node: SIGKILL as a power failure would, SIGSTOP and SIGCONT for a pause.
  package func signal(_ number: Int, _ signal: Int32) {
    if let process = processID(of: number) { kill(process, signal) }
  }

  /// Kills all nodes at the same moment.
  package func killAll() {
    for number in 1...nodes { signal(number, SIGKILL) }
  }
}
