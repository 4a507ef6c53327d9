import Logging
import Runtime

/// Many seeds, one after the other, and their totals.
package struct Campaign {
  package var workloads: [WorkloadKind]
  package var nodes: Int
  package var scale: Int
  package var logLevel = Logger.Level.critical

  package struct Totals {
    package var seeds = 0
    package var operations = 0
    package var unknown = 0
    package var simulatedNanoseconds: UInt64 = 0
    package var steps: UInt64 = 0
    package var committedEntries = 0
    package var faults: [FaultPlan.Family: Int] = [:]
    package var probes: [String: UInt64] = [:]

    package init() {}

    package mutating func add(_ report: SimulationRun.Report) {
      seeds += 1
      operations += report.operations
      unknown += report.unknown
      simulatedNanoseconds += report.simulatedNanoseconds
      steps += report.steps
      committedEntries += report.committedEntries
      faults.merge(report.faults) { $0 + $1 }
      for probe in report.probes { probes[probe.name, default: 0] += probe.count }
    }
  }

  package private(set) var totals = Totals()

  package init(workloads: [WorkloadKind] = WorkloadKind.allCases, nodes: Int = 3, scale: Int = 1) {
    self.workloads = workloads
    self.nodes = nodes
    self.scale = scale
  }

  /// The workload of a seed: the same whenever this seed is run with these workloads.
  package func workload(of seed: UInt64) -> WorkloadKind { workloads[Int(seed % UInt64(workloads.count))] }

  /// - Throws: `SimulationFailure`.
  @discardableResult
  package mutating func run(seed: UInt64) throws -> SimulationRun.Report {
    var settings = SimulationRun.Settings(workload: workload(of: seed))
    settings.nodes = nodes
    settings.scale = scale
    settings.logLevel = logLevel
    let report = try SimulationRun.run(seed: seed, settings: settings)
    totals.add(report)
    return report
  }
}
