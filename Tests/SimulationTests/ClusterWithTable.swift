import NodeCore
import Operations
import Schema
import Simulation
import Tablet

extension SimulatedCluster {
  /// A cluster that has settled, with a table `t` of one tablet.
  static func withTable(
    seed: UInt64, size: Int = 3, tune: ((inout TabletSettings) -> Void)? = nil
  ) throws -> (SimulatedCluster, ClusterWatch) {
    let cluster = SimulatedCluster(seed: seed, size: size)
    if let tune { cluster.tuneTablets = tune }
    let watch = ClusterWatch(cluster)
    try cluster.startAll()
    try watch.settle()
    try cluster.run(on: 1) { core in
      _ = try await core.gateway.change(.createTable(Pairs.table("t", tablets: 1), ifNotExists: false), deadline: nil)
    }
    try watch.settle()
    return (cluster, watch)
  }
}
