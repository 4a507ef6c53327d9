import Expressions
import Operations
import Schema
import Values

/// A way to rows of a table by way of one of its indexes.
struct IndexPath: Sendable {
  var table: TableDescriptor
  var index: IndexDescriptor
  /// The index's relation.
  var relation: TableDescriptor
  /// Which entries.
  var keys: KeyPlan
  /// What can be said of them before their rows are looked at, over the entry.
  var entryFilter: Expression?
  /// Whether the entries' keys and filter say all that the condition does, so that every entry's row passes.
  var isWholeCondition: Bool
}

/// Puts an index's columns in the place of the table's, where the index has what an expression reads.
struct IndexTranslation {
  private let index: IndexDescriptor
  private var positions: [Int: Int] = [:]

  init(_ index: IndexDescriptor, of table: TableDescriptor) {
    self.index = index
    let layout = index.layout(of: table)
    for (position, column) in zip(layout.primaryKeyPositions, table.keyPositions) { positions[column] = position }
    for (position, column) in zip(layout.includePositions, index.includes) { positions[column] = position }
    for (position, key) in index.keys.enumerated() { if let column = key.column { positions[column] = position } }
  }

  /// The same over the index's entry; nil where it reads what the entry does not have.
  func callAsFunction(_ expression: Expression) -> Expression? {
    var isComplete = true
    let translated = expression.replacing { node in
      if case .column(let column, let type) = node {
        guard let position = positions[column] else {
          isComplete = false
          return node
        }
        return .column(position, type)
      }
      let key = index.keys.indices.first { position in
        index.keys[position].column == nil && index.keys[position].expression.isSame(as: node)
      }
      return key.map { .column($0, node.type) }
    }
    return isComplete ? translated : nil
  }

  func callAsFunction(all expressions: [Expression]) -> [Expression]? {
    var translated: [Expression] = []
    for expression in expressions {
      guard let expression = self(expression) else { return nil }
      translated.append(expression)
    }
    return translated
  }
}

/// Chooses the way to a table's rows by rules, as there are no statistics: a key given whole first, then the most leading
/// columns with equalities, then a bounded next column, then the order that is asked for, then no second look-up, then
/// uniqueness. What a rule does not decide, the primary key wins before indexes, and an older index before a newer.
struct AccessPlanner {
  let table: TableDescriptor
  let catalog: CatalogSnapshot

  enum Access {
    /// By the primary key, or all rows: the keys, and what is left to be tested.
    case table(KeyPlan, filter: Expression?)
    /// By an index whose entries lead to rows, of which the whole condition is tested.
    case index(IndexPath)
  }

  /// What makes one way better than another, the most important first.
  private struct Merit: Comparable {
    var isOneRow = false
    var equalityCount = 0
    var isBounded = false
    var isSorted = false
    var needsNoLookup = false
    var isUnique = false

    private var order: [Int] {
      [
        isOneRow ? 1 : 0, equalityCount, isBounded ? 1 : 0, isSorted ? 1 : 0, needsNoLookup ? 1 : 0,
        isUnique ? 1 : 0,
      ]
    }
    static func < (a: Self, b: Self) -> Bool { a.order.lexicographicallyPrecedes(b.order) }
    /// Whether it leads to fewer rows than all, or to the first of them.
    var isWorthALookup: Bool { isOneRow || equalityCount > 0 || isBounded || isSorted }
  }

  /// - Parameter isSorted: whether reading a relation in key order by these keys gives the order and the few first rows
  ///   that are asked for; the translation is that of expressions to the relation.
  /// - Parameter covers: whether an index has all that is read.
  func access(
    for condition: Expression?,
    isSorted: (TableDescriptor, KeyPlan, IndexTranslation?) -> Bool = { _, _, _ in false },
    covers: (IndexTranslation) -> Bool = { _ in false }
  ) -> Access {
    let own = KeyPlanner(table: table).plan(condition)
    var best = Access.table(own.keys, filter: own.filter)
    var bestMerit = merit(
      of: own.keys, isOneRow: own.keys.isPoints && !own.keys.hasSpan, isSorted: isSorted(table, own.keys, nil),
      needsNoLookup: true,
      isUnique: false)
    for index in table.indexes where index.state.isReadable {
      guard let relation = catalog.tables[index.relation], impliesPredicate(of: index, condition) else { continue }
      let translation = IndexTranslation(index, of: table)
      let path = self.path(index, relation, condition, translation)
      let isOneRow = index.isUnique && path.keys.isPoints && !path.keys.hasSpan
      let merit = merit(
        of: path.keys, isOneRow: isOneRow, isSorted: isSorted(relation, path.keys, translation),
        needsNoLookup: covers(translation), isUnique: index.isUnique)
      // An index that covers is smaller than the table, but not by so much that it beats the table's own order.
      guard merit.isWorthALookup, bestMerit < merit else { continue }
      best = .index(path)
      bestMerit = merit
    }
    return best
  }

  private func merit(
    of keys: KeyPlan, isOneRow: Bool, isSorted: Bool, needsNoLookup: Bool, isUnique: Bool
  ) -> Merit {
    Merit(
      isOneRow: isOneRow, equalityCount: keys.candidates.prefix { !$0.isSpan }.count,
      isBounded: keys.hasSpan || !keys.lower.isEmpty || !keys.upper.isEmpty, isSorted: isSorted,
      needsNoLookup: needsNoLookup, isUnique: isUnique)
  }

  private func path(
    _ index: IndexDescriptor, _ relation: TableDescriptor, _ condition: Expression?, _ translation: IndexTranslation
  ) -> IndexPath {
    let conjuncts = condition?.conjuncts ?? []
    let known = conjuncts.compactMap { translation($0) }
    var (keys, filter) = KeyPlanner(table: relation).plan(Expression.conjunction(known))
    // The tie of a unique index is empty where no key is NULL, and no NULL is equal to anything.
    if index.isUnique, keys.candidates.count == index.keys.count, !keys.isPoints {
      keys.candidates.append(.values([.constant(.bytes([]), .bytea)]))
      (keys.lower, keys.upper, keys.isPoints) = ([], [], true)
    }
    return IndexPath(
      table: table, index: index, relation: relation, keys: keys, entryFilter: filter,
      isWholeCondition: known.count == conjuncts.count)
  }

  /// Whether every row that the condition lets through has an entry: the predicate's parts are parts of the condition,
  /// or say that a column is not NULL that a comparison of the condition needs.
  private func impliesPredicate(of index: IndexDescriptor, _ condition: Expression?) -> Bool {
    guard let predicate = index.predicate?.expression else { return true }
    let conjuncts = condition?.conjuncts ?? []
    return predicate.conjuncts.allSatisfy { part in
      if conjuncts.contains(where: { $0.isSame(as: part) }) { return true }
      guard case .not(.isNull(let operand)) = part else { return false }
      return conjuncts.contains { conjunct in
        switch conjunct {
        case .call(let function, let operands, _):
          Comparison(function) != nil && operands.contains { $0.isSame(as: operand) }
        case .inList(let tested, _): tested.isSame(as: operand)
        default: false
        }
      }
    }
  }
}
