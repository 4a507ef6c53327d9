import Coding
import Schema

/// A catalog as bytes, so that two can be compared whole.
enum CatalogDigest {
  static func bytes(of catalog: CatalogSnapshot) -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(catalog.version)
    for table in catalog.tables.values.sorted(by: { $0.id < $1.id }) { writer.write(table) }
    for tablet in catalog.tablets.values.sorted(by: { $0.id < $1.id }) { writer.write(tablet) }
    for node in catalog.nodes.values.sorted(by: { $0.id < $1.id }) { writer.write(node) }
    return writer.bytes
  }
}
