import Keys
import Operations
import Schema

/// What a serializable transaction has read of one tablet. Many small reads are kept as a few large ones: that can only
/// find conflicts where there are none, never miss one.
package struct ReadSelections: Sendable {
  private let whole: KeyRange
  package private(set) var selections: [KeySelection] = []
  private var keyCount = 0
  private static let keysMax = 1_000

  package init(_ tablet: TabletDescriptor) { whole = KeyRange(lower: tablet.lower, upper: tablet.upper) }

  package mutating func add(_ selection: KeySelection) {
    if keyCount > Self.keysMax || selections.contains(selection) { return }
    switch selection {
    case .points(let keys): keyCount += keys.count
    case .ranges(let ranges): keyCount += ranges.count
    }
    if keyCount > Self.keysMax {
      selections = [.ranges([whole])]
    } else {
      selections.append(selection)
    }
  }
}
