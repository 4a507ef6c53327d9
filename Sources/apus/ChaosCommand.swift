import ArgumentParser
import Foundation
import Workload

/// `apus chaos`: a local cluster under load while its nodes are killed and paused.
struct ChaosCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos", abstract: "Kill and pause the nodes of a local cluster under load, and check every answer.",
    discussion: """
      Starts three nodes in a directory of their own with cluster/start, runs the workloads of `apus workload`, and in \
      each round does one of: kill -9 of one node, of each in turn, of all at once; a pause of one node. Prints what \
      happened when. The exit status is 1 where an answer was wrong or the outage too long.
      """)

  @Option(help: "The folder of the cluster scripts.")
  var scripts = "cluster"

  @Option(help: "Where the cluster's data goes; removed at the end where all was good.")
  var dir: String?

  @Option(help: "SQL port of node 1; node-to-node is at +2000 and HTTP at +3000.")
  var sqlPort = 27_000

  @Option(help: "How many faults.")
  var rounds = 8

  @Option(help: "How long at most, in seconds; no round begins after it.")
  var seconds = 300

  @Option(help: "How long clients may go without an answer while a majority lives, in seconds.")
  var budget = 4.0

  @Option(help: "Choices follow from it; chosen and printed where it is not given.")
  var seed: UInt64?

  func run() throws {
    guard (1...10_000).contains(rounds), (1...86_400).contains(seconds), budget > 0 else {
      throw ValidationError("--rounds, --seconds and --budget must be positive")
    }
    guard (1024...60_000).contains(sqlPort) else { throw ValidationError("--sql-port must be 1024 to 60000") }
    let seed = seed ?? UInt64.random(in: 1...999_999)
    let directory =
      dir.map { URL(fileURLWithPath: $0) }
      ?? FileManager.default.temporaryDirectory.appendingPathComponent("apus-chaos-\(seed)")
    let cluster = LocalCluster(
      scripts: URL(fileURLWithPath: scripts), directory: directory, sqlPort: sqlPort,
      binary: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath())
    guard FileManager.default.isExecutableFile(atPath: cluster.scripts.appendingPathComponent("start").path) else {
      throw ValidationError("--scripts \(scripts): there is no script start; name the repository's folder cluster")
    }
    var chaos = Chaos(cluster: cluster, seed: seed, rounds: rounds, limit: .seconds(seconds), budget: .seconds(budget))
    let isGood: Bool
    do {
      isGood = try chaos.run { line in
        print(line)
        fflush(nil)
      }
    } catch {
      throw CleanExit.failure("error: \(error)\nhint: the nodes' logs are in \(directory.path)")
    }
    if !isGood { throw CleanExit.failure("the data and the nodes' logs are in \(directory.path)") }
    try cluster.destroy()
  }
}
