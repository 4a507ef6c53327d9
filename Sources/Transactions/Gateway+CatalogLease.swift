import Operations
import Placement
import Runtime
import Values

extension Gateway {
  package var catalogIsCurrent: Bool { router.catalog.isCurrent(at: router.now) }

  package func requireCurrentCatalog(deadline: Deadline?) async throws(SQLError) {
    let giveUp = min(deadline?.nanoseconds ?? .max, router.now + Self.catalogPatience)
    if catalogIsCurrent { return }
    router.runtime.faults.probe("a statement waits for the catalog")
    while !catalogIsCurrent {
      guard router.now < giveUp else { throw catalogUnheard }
      guard await router.loop.sleep(nanoseconds: 20_000_000) else {
        throw SQLError(.queryCanceled, "canceling statement due to user request")
      }
    }
  }

  /// Several elections, in nanoseconds: a node that is cut off says so rather than keep its clients.
  private static let catalogPatience: UInt64 = 10_000_000_000

  private var catalogUnheard: SQLError {
    let end = router.catalog.leaseEnd
    let silence = (router.now - min(router.now, end - min(end, CatalogLease.duration))) / 1_000_000_000
    return SQLError(
      .cannotConnectNow,
      end == 0
        ? "this node has not heard from the catalog yet" : "this node has not heard from the catalog for \(silence) s",
      detail: "Tables may have been created, changed or dropped meanwhile. Nothing was changed.",
      hint: "Ask another node. A majority of the catalog's replicas must be alive and in reach; see the view sys.nodes."
    )
  }

  /// Returns when every node has a version of the catalog, or surely serves nobody without it. Where the catalog's leader
  /// cannot be asked, this node waits by itself, for as long as any lease may last. A cancel does not shorten it: the change
  /// is committed, and that is what the client will hear.
  func settleCatalog(_ version: UInt64) async {
    await router.loop.spawn {
      let deadline = Deadline(nanoseconds: self.router.now + Self.catalogPatience)
      if (try? await self.ask(.settle(version), deadline: deadline)) == nil {
        await self.services.settleCatalog(version)
      }
    }.value
  }

  /// Holds this node's catalog lease for as long as the catalog's leader can be asked.
  package func keepCatalogLease(while isRunning: () -> Bool) async {
    while isRunning() {
      var asked = router.now
      do throws(SQLError) {
        let deadline = Deadline(nanoseconds: router.now + CatalogLease.duration)
        let version = try await askCatalog(deadline: deadline) { node, timeout in
          asked = self.router.now
          return await self.services.renewCatalogLease(node, min(timeout, CatalogLease.renewal))
        }
        await services.catalogReached(version)
        router.catalog.extendLease(to: asked + CatalogLease.duration)
        await router.loop.sleep(nanoseconds: CatalogLease.renewal)
      } catch {
        await router.loop.sleep(nanoseconds: 20_000_000)
      }
    }
  }
}
