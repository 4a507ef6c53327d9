import ArgumentParser
import Foundation
import Logging
import Simulation

/// `apus simulate`: whole clusters in this process, on simulated time, network and disks, under faults.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Run simulated clusters under faults and check what clients saw.",
    discussion: """
      Every seed is one cluster with its own clients and faults; the same seed always gives the same run. Ends with \
      status 1 at the first seed that fails, and names it.
      """)

  @Option(name: .long, help: "How many seeds to run.")
  var seeds = 100

  @Option(name: .long, help: "The first seed; alone, the only one.")
  var seed: UInt64?

  @Option(name: .long, help: "One workload alone, or all.")
  var workload = "all"

  @Option(name: .long, help: "Nodes of each cluster: 3 or 5.")
  var nodes = 3

  @Option(name: .long, help: "How much each client does; 1 is a few seconds of simulated time.")
  var scale = 1

  @Option(name: .long, help: "Run fresh seeds for so many minutes of real time instead.")
  var minutes: Double?

  @Option(name: .long, help: "What the nodes log to standard error: trace, debug, info, … or critical for nothing.")
  var log = "critical"

  @Flag(name: .long, help: "Go on after a seed that fails.")
  var keepGoing = false

  func validate() throws {
    guard nodes == 3 || nodes == 5 else { throw ValidationError("--nodes \(nodes): 3 or 5 is expected") }
    guard seeds > 0 else { throw ValidationError("--seeds \(seeds): at least one is needed") }
    guard (1...1_000).contains(scale) else { throw ValidationError("--scale \(scale): 1 to 1000 is expected") }
    guard workload == "all" || WorkloadKind(rawValue: workload) != nil else {
      let names = WorkloadKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--workload \(workload): \(names) or all is expected")
    }
  }

  func run() throws {
    let workloads = WorkloadKind(rawValue: workload).map { [$0] } ?? WorkloadKind.allCases
    var campaign = Campaign(workloads: workloads, nodes: nodes, scale: scale)
    campaign.logLevel = Logger.Level(rawValue: log) ?? .critical
    let began = Date()
    let first = seed ?? (minutes == nil ? 1 : UInt64.random(in: 1...1_000_000_000))
    let count: UInt64 = minutes != nil ? .max : seed != nil && seeds == 100 ? 1 : UInt64(seeds)
    if count > 1 { say("seeds from \(first) on") }
    var failures: [String] = []
    var number: UInt64 = 0
    while number < count, minutes.map({ Date().timeIntervalSince(began) < $0 * 60 }) ?? true {
      let seed = first &+ number
      number += 1
      do {
        let report = try campaign.run(seed: seed)
        if count == 1 { say("seed \(seed): \(report.workload.rawValue), event hash \(report.eventHash)") }
      } catch {
        failures.append("\(error)")
        say("FAILED \(campaign.workload(of: seed).rawValue) \(error)\nreplay with: \(replay(of: seed))")
        if !keepGoing { break }
      }
      if number % 20 == 0 { progress(campaign.totals, failures: failures.count, since: began) }
    }
    summary(campaign.totals, failures: failures.count, since: began)
    if !failures.isEmpty { throw ExitCode(1) }
  }

  /// Written at once, also into a pipe.
  private func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }

  private func replay(of seed: UInt64) -> String {
    "apus simulate --seed \(seed) --workload \(workload) --nodes \(nodes) --scale \(scale)"
  }

  private func progress(_ totals: Campaign.Totals, failures: Int, since began: Date) {
    let seconds = max(0.001, Date().timeIntervalSince(began))
    say(
      "\(totals.seeds) seeds, \(totals.simulatedNanoseconds / 1_000_000_000) s simulated, "
        + "\(Int(Double(totals.steps) / seconds)) steps/s, \(failures) failed")
  }

  private func summary(_ totals: Campaign.Totals, failures: Int, since began: Date) {
    let seconds = max(0.001, Date().timeIntervalSince(began))
    let simulated = Double(totals.simulatedNanoseconds) / 1e9
    say(
      """
      seeds        \(totals.seeds) passed, \(failures) failed, in \(format(seconds)) s
      simulated    \(format(simulated)) s, \(format(simulated / seconds)) times real time
      steps        \(totals.steps), \(Int(Double(totals.steps) / seconds)) a second
      operations   \(totals.operations), \(totals.unknown) of unknown outcome
      log entries  \(totals.committedEntries) committed
      faults       \(list(totals.faults.map { ("\($0.key)", $0.value) }))
      probes hit   \(list(totals.probes.map { ($0.key, Int($0.value)) }))
      """)
  }

  private func list(_ counts: [(String, Int)]) -> String {
    counts.isEmpty ? "none" : counts.sorted { $0.0 < $1.0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }

  private func format(_ number: Double) -> String { String(format: "%.1f", number) }
}
