/// The strongly connected components of a graph (Tarjan 1972), without recursion: a history can be a chain of a hundred
/// thousand transactions.
///
/// Vertices are numbers from 0; the edges of a vertex are a range of edge numbers, some of which lead nowhere.
struct Components {
  /// The component of each vertex, or -1 where it was not reached.
  private(set) var componentOf: [Int]
  /// Components of two or more vertices. (No vertex of these graphs has an edge to itself.)
  private(set) var cyclic: [[Int]] = []

  init(
    vertexCount: Int, roots: some Sequence<Int>, edges: (_ vertex: Int) -> Range<Int>,
    head: (_ vertex: Int, _ edge: Int) -> Int?
  ) {
    componentOf = [Int](repeating: -1, count: vertexCount)
    var order = [Int](repeating: -1, count: vertexCount)
    var low = [Int](repeating: 0, count: vertexCount)
    var path: [(vertex: Int, edge: Int, end: Int)] = []
    var open: [Int] = []
    var (orderNext, componentNext) = (0, 0)

    func enter(_ vertex: Int) {
      order[vertex] = orderNext
      low[vertex] = orderNext
      orderNext += 1
      open.append(vertex)
      let range = edges(vertex)
      path.append((vertex, range.lowerBound, range.upperBound))
    }

    for root in roots where order[root] < 0 {
      enter(root)
      while let (vertex, edge, end) = path.last {
        if edge < end {
          path[path.count - 1].edge += 1
          guard let next = head(vertex, edge) else { continue }
          if order[next] < 0 {
            enter(next)
          } else if componentOf[next] < 0 {
            low[vertex] = min(low[vertex], order[next])
          }
          continue
        }
        path.removeLast()
        if let parent = path.last?.vertex { low[parent] = min(low[parent], low[vertex]) }
        guard low[vertex] == order[vertex] else { continue }
        let first = open.lastIndex(of: vertex) ?? open.endIndex
        let members = Array(open[first...])
        open.removeSubrange(first...)
        for member in members { componentOf[member] = componentNext }
        componentNext += 1
        if members.count > 1 { cyclic.append(members) }
      }
    }
  }
}
