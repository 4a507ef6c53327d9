/// Finds one short cycle in each part of a graph that should have none.
///
/// The searches go from few kinds of edges to many. A transaction in a cycle that was found is not looked at again with
/// more kinds: it would only tell the same story in more words.
struct CycleSearch {
  /// The edges in order; each begins where the one before ends.
  typealias Cycle = [DependencyGraph.Edge]

  /// Which transactions and edges a search walks on.
  private struct View {
    var hasReads = false
    var hasAntiDependencies = false
    var hasTime = false
    /// The weakest level that takes part.
    var level = IsolationLevel.readCommitted
    /// The weakest level from which anti-dependencies start.
    var readers = IsolationLevel.repeatableRead
    /// Walks with two anti-dependencies in a row are left out: snapshot isolation allows those (Fekete et al. 2005).
    /// Each transaction is then two vertices: reached by an anti-dependency, or not.
    var isSnapshot = false
  }

  private let graph: DependencyGraph
  private let realTimeFrom: IsolationLevel
  private var explained: [Bool]
  private let lost: Set<Int>
  private var found: [Cycle] = []

  /// - Parameter lost: transactions whose acknowledged append is nowhere. Real time says of them only that again.
  init(_ graph: DependencyGraph, realTimeFrom: IsolationLevel, lost: Set<Int>) {
    self.graph = graph
    self.realTimeFrom = realTimeFrom
    self.lost = lost
    explained = [Bool](repeating: false, count: graph.history.count)
  }

  mutating func run() -> [Cycle] {
    for hasTime in [false, true] {
      let level = hasTime ? realTimeFrom : .readCommitted
      if hasTime { for index in lost { explained[index] = true } }
      search(View(hasTime: hasTime, level: level))
      search(View(hasReads: true, hasTime: hasTime, level: level))
      search(View(hasReads: true, hasAntiDependencies: true, hasTime: hasTime, level: level, isSnapshot: true))
      search(
        View(
          hasReads: true, hasAntiDependencies: true, hasTime: hasTime, level: .serializable, readers: .serializable))
    }
    return found
  }

  // MARK: The walk

  private func admits(_ edge: DependencyGraph.Edge, _ view: View) -> Bool {
    let (from, to) = (graph.history[edge.from].isolation, graph.history[edge.to].isolation)
    guard from >= view.level, to >= view.level else { return false }
    switch edge.reason {
    case .writeWrite: return true
    case .writeRead: return view.hasReads
    case .readWrite: return view.hasAntiDependencies && from >= view.readers
    case .session, .realTime: return view.hasTime
    }
  }

  /// A transaction's vertices: two where the view keeps snapshots apart, else one.
  private func vertices(_ view: View) -> Int { view.isSnapshot ? 2 : 1 }

  /// The vertex at the end of an edge, or nil where the view does not go there.
  private func head(_ vertex: Int, _ edge: Int, _ view: View) -> Int? {
    let edge = graph.edges[edge]
    guard admits(edge, view) else { return nil }
    guard view.isSnapshot else { return edge.to }
    guard edge.reason.isAntiDependency else { return edge.to * 2 }
    return vertex % 2 == 1 ? nil : edge.to * 2 + 1
  }

  private func edges(_ transaction: Int) -> Range<Int> {
    graph.firstEdge[transaction]..<graph.firstEdge[transaction + 1]
  }

  private mutating func search(_ view: View) {
    let width = vertices(view)
    let components = Components(
      vertexCount: graph.history.count * width, roots: graph.latestFirst.lazy.map { $0 * width },
      edges: { edges($0 / width) }, head: { head($0, $1, view) })
    for members in components.cyclic {
      let transactions = members.map { $0 / width }
      if transactions.contains(where: { explained[$0] }) { continue }
      let componentOf = components.componentOf
      let cycle =
        (view.isSnapshot ? oneAntiDependency(members, componentOf, view) : nil)
        ?? shortest(members, componentOf, view)
      guard let cycle else { continue }
      found.append(cycle)
      for index in transactions { explained[index] = true }
    }
  }

  // MARK: The cycle to show

  /// Starts to try before the shortest cycle so far is short enough.
  private static let startsMax = 500

  /// The shortest way from a vertex back to it, inside its component.
  private func shortest(_ members: [Int], _ componentOf: [Int], _ view: View) -> Cycle? {
    var best: Cycle?
    for start in members.sorted().prefix(Self.startsMax) {
      let cycle = path(from: start, to: { $0 == start }, width: vertices(view), max: best.map { $0.count - 1 }) {
        vertex, edge in
        head(vertex, edge, view).flatMap { componentOf[$0] == componentOf[start] ? $0 : nil }
      }
      best = cycle ?? best
      if best?.count == 2 { break }
    }
    return best
  }

  /// The shortest cycle with a single anti-dependency: the most telling one, where there is one.
  private func oneAntiDependency(_ members: [Int], _ componentOf: [Int], _ view: View) -> Cycle? {
    guard let component = members.first.map({ componentOf[$0] }) else { return nil }
    var best: Cycle?
    var starts = 0
    for vertex in members.sorted() {
      for number in edges(vertex / 2) where graph.edges[number].reason.isAntiDependency {
        let edge = graph.edges[number]
        guard let next = head(vertex, number, view), componentOf[next] == component else { continue }
        starts += 1
        if starts > Self.startsMax, best != nil { return best }
        let back = path(from: next, to: { $0 == edge.from * 2 }, width: 2, max: best.map { $0.count - 2 }) {
          vertex, number in
          if graph.edges[number].reason.isAntiDependency { return nil }
          return head(vertex, number, view).flatMap { componentOf[$0] == component ? $0 : nil }
        }
        if let back { best = [edge] + back }
        if best?.count == 2 { return best }
      }
    }
    return best
  }

  /// A shortest path of at least one edge, breadth first; nil where there is none of at most `max` edges.
  private func path(
    from start: Int, to isGoal: (Int) -> Bool, width: Int, max: Int?, head: (_ vertex: Int, _ edge: Int) -> Int?
  ) -> Cycle? {
    var cameBy: [Int: (vertex: Int, edge: Int)] = [:]
    var layer = [start]
    var length = 0
    while !layer.isEmpty {
      length += 1
      if let max, length > max { return nil }
      var following: [Int] = []
      for vertex in layer {
        for number in edges(vertex / width) {
          guard let next = head(vertex, number) else { continue }
          if isGoal(next) {
            var cycle = [graph.edges[number]]
            var place = vertex
            while place != start, let step = cameBy[place] {
              cycle.append(graph.edges[step.edge])
              place = step.vertex
            }
            return cycle.reversed()
          }
          guard next != start, cameBy[next] == nil else { continue }
          cameBy[next] = (vertex, number)
          following.append(next)
        }
      }
      layer = following
    }
    return nil
  }
}
