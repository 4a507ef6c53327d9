import Foundation
import PostgresClient
import Synchronization
import Testing
import Workload

/// The cluster that the tests share: starting one for each would take longer than the tests.
enum SharedCluster {
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The program beside the test bundle, or the one that APUS_BINARY names.
  static let binary: URL = {
    if let path = ProcessInfo.processInfo.environment["APUS_BINARY"] { return URL(fileURLWithPath: path) }
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
      "apus")
    if FileManager.default.isExecutableFile(atPath: bundle.path) { return bundle }
    return repository.appendingPathComponent(".build/release/apus")
  }()

  private static let cluster = Mutex<LocalCluster?>(nil)

  /// The cluster with all its nodes up.
  static func running() throws -> LocalCluster {
    try cluster.withLock { shared in
      if let shared {
        try shared.start()
        return shared
      }
      var new = try scratch("cluster", sqlPort: 26_000 + Int(getpid()) % 900)
      // So that transactions need not be very large to be too large for the memory.
      new.environment["APUS_TRANSACTION_MIB"] = "1"
      // Another run's cluster may have the ports.
      while !Ports.areFree(of: new) { new.sqlPort += 10 }
      try new.start()
      shared = new
      AtExit.destroy(new)
      return new
    }
  }

  /// A cluster that is not started, in a directory of its own.
  static func scratch(_ name: String, sqlPort: Int) throws -> LocalCluster {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(name)-\(getpid())")
    return LocalCluster(
      scripts: repository.appendingPathComponent("cluster"), directory: directory, sqlPort: sqlPort, binary: binary)
  }
}

/// Leaves no process and no data behind.
private enum AtExit {
  private static let cluster = Mutex<LocalCluster?>(nil)

  static func destroy(_ started: LocalCluster) {
    cluster.withLock { $0 = started }
    atexit {
      AtExit.cluster.withLock { cluster in
        // SIGKILL first: the scripts need a program that could be gone.
        cluster?.killAll()
        _ = try? cluster?.destroy()
        if let directory = cluster?.directory { try? FileManager.default.removeItem(at: directory) }
      }
    }
  }
}

enum SharedWorkload {
  static func started(
    on cluster: LocalCluster, _ kinds: [WorkloadKind] = [.set, .register, .counter]
  ) throws -> WorkloadRun {
    let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)
    let run = WorkloadRun(WorkloadOptions(targets: cluster.targets, seed: seed, kinds: kinds))
    try run.start()
    return run
  }
}

enum Ports {
  static func areFree(of cluster: LocalCluster) -> Bool {
    (0..<cluster.nodes).allSatisfy { node in
      [0, 2000, 3000].allSatisfy { (try? Wire.Socket(port: cluster.sqlPort + node + $0)) == nil }
    }
  }
}

enum Wait {
  struct TimeIsOver: Error, CustomStringConvertible { var description: String }

  /// Asks again and again until the condition holds.
  static func until(_ what: String, seconds: Int = 15, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
      guard ContinuousClock.now < deadline else { throw TimeIsOver(description: "after \(seconds) s not yet: \(what)") }
      // Gives the processor away between two looks; nothing relies on how long.
      poll(nil, 0, 10)
    }
  }
}
