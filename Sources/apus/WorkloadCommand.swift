import ArgumentParser
import Foundation
import PostgresClient
import Workload

/// `apus workload`: clients that keep a record, and checkers that read it.
struct WorkloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workload", abstract: "Load a running cluster and check every answer.",
    discussion: """
      Workloads over all nodes given, all at once or those that are named. set: rows inserted and read back (nothing lost, \
      stale or doubled). register: single rows read, written and conditionally updated (linearizable). counter: rows that \
      count (exact). bank: transfers in blocks of every isolation level (every look finds the same total). append: lists \
      appended to and read in blocks of every level (no anomaly that a level excludes). Their tables are workload_set and \
      so on, made anew by each run. The exit status is 1 where a promise was broken.
      """)

  @Argument(help: "Any of \(WorkloadKind.allCases.map(\.rawValue).joined(separator: ", ")); all where none is given.")
  var workloads: [WorkloadKind] = []

  @Option(help: "The nodes' SQL ports, with commas.")
  var ports = "5433,5434,5435"

  @Option(help: "The nodes' host.")
  var host = "127.0.0.1"

  @Option(help: "How long, in seconds.")
  var seconds = 20

  @Option(help: "Choices follow from it; chosen and printed where it is not given.")
  var seed: UInt64?

  func run() throws {
    let numbers = ports.split(separator: ",").map { Int($0.filter { $0 != " " }) ?? 0 }
    guard !numbers.isEmpty, numbers.allSatisfy({ (1...65535).contains($0) }) else {
      throw ValidationError("--ports \(ports): port numbers with commas are expected")
    }
    guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds must be 1 to 86400") }
    let seed = seed ?? UInt64.random(in: 1...999_999)
    print("seed \(seed)")
    let kinds = workloads.isEmpty ? WorkloadKind.allCases : workloads
    let run = WorkloadRun(
      WorkloadOptions(targets: numbers.map { .init(host: host, port: $0) }, seed: seed, kinds: kinds))
    do throws(PostgresError) {
      try run.start()
    } catch {
      throw CleanExit.failure("error: the workload cannot start: \(error)")
    }
    Thread.sleep(forTimeInterval: TimeInterval(seconds))
    let report = run.finish()
    print(report.text, terminator: "")
    if !report.isGood { throw ExitCode.failure }
  }
}

extension WorkloadKind: ExpressibleByArgument {}
