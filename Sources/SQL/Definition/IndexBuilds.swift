import Keys
import Synchronization

/// The indexes that sessions of this node are building now, for `pg_stat_progress_create_index`.
final class IndexBuilds: Sendable {
  struct Build: Sendable {
    var processID: Int32
    var table: TableID
    var relation: TableID
    var phase: Phase
    var rowCount = 0
    var tabletCount = 0
    var finishedTabletCount = 0
  }

  enum Phase: String, Sendable {
    case waiting = "waiting for writers before build"
    case filling = "building index"
    case finishing = "waiting for readers before marking valid"
  }

  private let builds = Mutex<[TableID: Build]>([:])

  var all: [Build] { builds.withLock { $0.values.sorted { $0.relation < $1.relation } } }

  func set(_ build: Build) { builds.withLock { $0[build.relation] = build } }
  func remove(_ relation: TableID) { builds.withLock { $0[relation] = nil } }

  func update(_ relation: TableID, _ change: (inout Build) -> Void) {
    builds.withLock { builds in
      guard var build = builds[relation] else { return }
      change(&build)
      builds[relation] = build
    }
  }
}
