import Keys
import Operations
import Schema
import Tablet
import Values

// What needs no waiting: a row whose tablet is led here, on this loop, is there for the taking.

extension Gateway {
  package func readAtOnce(_ read: TableRead) -> [Row]? {
    guard case .points(let keys) = read.selection, keys.count == 1 else { return nil }
    let catalog = self.catalog
    guard let table = catalog.tables[read.table], table.version == read.schemaVersion,
      let tablet = catalog.tablet(of: keys[0], in: table)
    else { return nil }
    let host = router.tablets.host(of: tablet)
    guard host.loop.isCurrent, !router.runtime.faults.perturb("lose an answer of a tablet") else { return nil }
    let request = ReadRequest(
      tablet: tablet, read: read, time: nil, uncertaintyLimit: nil, resume: nil,
      maxRows: router.settings.batchRowsMax, maxBytes: router.settings.batchBytesMax)
    return host.assumeIsolated { $0.readAtOnce(request)?.rows }
  }
}
