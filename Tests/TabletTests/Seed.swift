import Foundation
import Runtime

/// A seed for one run of a property; `SEED=…` replays a single one.
struct Seed: Sendable, CustomStringConvertible {
  var value: UInt64
  var description: String { "SEED=\(value)" }

  static func sample(_ count: Int) -> [Seed] {
    if let given = ProcessInfo.processInfo.environment["SEED"].flatMap({ UInt64($0) }) { return [Seed(value: given)] }
    return (1...count).map { Seed(value: UInt64($0)) }
  }
}
