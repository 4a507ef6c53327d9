import Keys
import Logging
import Runtime
import Schema
import Tablet
import WriteAheadLog

/// Keeps this node's replicas in step with the catalog: opens what the catalog puts here, removes what it takes away.
package actor TabletAssignments {
  nonisolated let loop: any Loop
  nonisolated package var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let node: NodeID
  private let directory: TabletDirectory
  private let logger: Logger
  /// What the log gave back at start, until the tablet is opened.
  private var recovered: [UInt64: RecoveredGroup]
  /// The log may have lost all records of some replicas: what it has nothing of then counts as damaged.
  private var mayMissGroups: Bool
  /// Called when every replica that may have been lost so is there again.
  private let hasAllGroups: @Sendable () -> Void
  private var open: [TabletID: TabletDescriptor] = [:]
  private var failed: Set<TabletID> = []
  private var isReconciling = false
  private var wanted: CatalogSnapshot?
  /// Whether `wanted` has everything that was committed when this node started.
  private var isCurrent = false

  package init(
    node: NodeID, directory: TabletDirectory, recovery: LogRecovery, hasAllGroups: @escaping @Sendable () -> Void,
    logger: Logger
  ) {
    self.node = node
    mayMissGroups = recovery.mayMissGroups
    self.hasAllGroups = hasAllGroups
    self.directory = directory
    recovered = recovery.groups
    self.logger = logger
    loop = directory.hosts[0].loop
  }

  /// This node's catalog has caught up with the cluster. Until then it may name tablets that were dropped: one that this
  /// node has nothing of must not be opened, since it would begin again as an empty one and elect leaders of old terms.
  package func catalogIsCurrent() async {
    isCurrent = true
    if !isReconciling { await reconcileAll() }
  }

  /// The catalog is now this one. Returns when this node's replicas are what it says, or soon will be by another call.
  package func follow(_ catalog: CatalogSnapshot) async {
    if let wanted, wanted.version >= catalog.version { return }
    wanted = catalog
    if !isReconciling { await reconcileAll() }
  }

  private func reconcileAll() async {
    isReconciling = true
    var reached: (version: UInt64, isCurrent: Bool)?
    while let target = wanted, reached.map({ $0 != (target.version, isCurrent) }) ?? true {
      reached = (target.version, isCurrent)
      await reconcile(with: target)
    }
    isReconciling = false
  }

  private func reconcile(with catalog: CatalogSnapshot) async {
    for id in open.keys.sorted() where catalog.tablets[id] == nil {
      open[id] = nil
      await directory.host(of: id).remove(id)
    }
    let missing = catalog.tablets.values.filter { tablet in
      open[tablet.id] == nil && !failed.contains(tablet.id) && tablet.replicas.contains { $0.node == node }
        && (isCurrent || recovered[tablet.id.rawValue] != nil)
    }.sorted { $0.id < $1.id }
    let mayBeLost = mayMissGroups
    if isCurrent { mayMissGroups = false }
    await withTaskGroup(of: (TabletDescriptor, (any Error)?).self) { group in
      for tablet in missing {
        let host = directory.host(of: tablet.id)
        let found = recovered.removeValue(forKey: tablet.id.rawValue)
        let leads = tablet.replicas.first?.node == node
        group.addTask {
          do {
            try await host.open(tablet, recovered: found, mayBeLost: mayBeLost, leads: leads, observer: nil)
            return (tablet, nil)
          } catch {
            return (tablet, error)
          }
        }
      }
      for await (tablet, error) in group {
        if let error {
          failed.insert(tablet.id)
          logger.critical("a replica cannot be opened", metadata: ["tablet": "\(tablet.id)", "error": "\(error)"])
        } else {
          open[tablet.id] = tablet
        }
      }
    }
    if mayBeLost, !mayMissGroups { loop.spawn { await self.awaitRebuilds(of: missing.map(\.id)) } }
  }

  /// From now on the log names every replica of this node, so the next start need not doubt it again.
  private func awaitRebuilds(of tablets: [TabletID]) async {
    for tablet in [TabletID.catalog] + tablets { await directory.host(of: tablet).rebuilt(tablet) }
    hasAllGroups()
  }
}
