import Keys
import Runtime
import Synchronization
import Testing
import Transport

@Suite("Transport on a simulated network")
struct SimulatedTransportTests {
  @Test("Calls are answered, failures keep their code, and a node calls itself the same way", arguments: [1, 2])
  func calls(loops: Int) {
    let cluster = Cluster(3, loops: loops)
    for to in UInt32(1)...3 {
      #expect(cluster.call(Service.echo, [1, 2, UInt8(to)], from: 1, to: to) == .success([1, 2, UInt8(to)]))
      #expect(cluster.call(Service.fail, [9], from: 1, to: to) == .failure(.remote(code: 77, message: "no [9]")))
      #expect(cluster.call(200, from: 1, to: to) == .failure(.refused(reason: "there is no service 200")))
    }
    let large = [UInt8](repeating: 5, count: 3 << 20)
    #expect(cluster.call(Service.echo, large, from: 2, to: 3) == .success(large))
    #expect(cluster.call(Service.echo, from: 1, to: 9) == .failure(.unreachable(NodeID(9))))
  }

  @Test("What a handler can answer at once starts no task, where it lives on the transport's loop", arguments: [1, 2])
  func atOnce(loops: Int) {
    let cluster = Cluster(2, loops: loops)
    #expect(cluster.call(Service.even, [4], from: 1, to: 2) == .success([loops == 1 ? 0 : 1]))
    #expect(cluster.call(Service.even, [5], from: 1, to: 2) == .success([1]))
    #expect(
      cluster.call(Service.even, [4], from: 1, to: 1) == .success([1]), "calls of a node to itself ask the handler")
  }

  @Test("Posts arrive in order, from others and from oneself")
  func posts() {
    let cluster = Cluster(2)
    for n in 0..<100 {
      cluster[1].transport.post([UInt8(n)], channel: 1, to: NodeID(2))
      cluster[2].transport.post([UInt8(n)], channel: 1, to: NodeID(2))
      cluster[1].transport.post([UInt8(n)], channel: 9, to: NodeID(2))
    }
    #expect(cluster.wait { cluster[2].posts.withLock { $0.count } == 200 })
    for from in UInt32(1)...2 {
      let payloads = cluster[2].posts.withLock { $0.filter { $0.from == NodeID(from) }.map(\.payload) }
      #expect(payloads == (0..<100).map { [UInt8($0)] })
    }
  }

  @Test("A message moves the receiver's hybrid clock behind the sender's")
  func hybridTime() {
    let cluster = Cluster(2)
    cluster.world.clock(of: 1).wallOffsetMicroseconds = 400_000
    cluster.world.clock(of: 2).wallOffsetMicroseconds = 0
    let sent = cluster[1].clock.now()
    #expect(cluster.call(Service.echo, from: 1, to: 2) == .success([]))
    #expect(cluster[2].clock.now() > sent)
  }

  @Test("A clock that is too far ahead is refused and reported, and does not spread")
  func skew() {
    let cluster = Cluster(2)
    cluster.world.clock(of: 1).wallOffsetMicroseconds = 10_000_000
    cluster.world.clock(of: 2).wallOffsetMicroseconds = 0
    let reason = "the clock of n1 is too far ahead"
    #expect(cluster.call(Service.echo, from: 1, to: 2) == .failure(.refused(reason: reason)))
    // The answer comes with a wrong time, and the request has run.
    #expect(cluster.call(Service.echo, from: 2, to: 1) == .failure(.disconnected(mayHaveRun: true)))
    cluster[1].transport.post([1], channel: 1, to: NodeID(2))
    cluster.world.advance(nanoseconds: 2 * second)
    let wall = cluster[2].runtime.clock.wallMicroseconds()
    #expect(cluster[2].clock.latest().microseconds <= wall)
    #expect(cluster[2].posts.withLock { $0.isEmpty } && cluster[2].ran.withLock { $0.isEmpty })
    let status = cluster[2].transport.peerStatus()[NodeID(1)]
    #expect((status?.skewedFrames ?? 0) > 3)
    #expect(status?.isConnected == true)
    let offset = status?.clockOffsetMicroseconds ?? 0
    #expect(abs(offset - 10_000_000) < 100_000, "offset \(offset)")
    // Well again.
    cluster.world.clock(of: 1).wallOffsetMicroseconds = 0
    cluster[1].clock.raise(to: .zero)
    cluster.world.advance(nanoseconds: 11 * second)
    #expect(cluster.call(Service.echo, from: 1, to: 2) == .success([]))
  }

  @Test("A deadline travels as the time that is left; a late answer is dropped")
  func deadlines() {
    let cluster = Cluster(2)
    guard case .success(let bytes)? = cluster.call(Service.timeLeft, from: 1, to: 2, timeout: 2 * second) else {
      Issue.record("no answer")
      return
    }
    let left = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    #expect(left > 1_900_000 && left <= 2_000_000)

    cluster.world.network.setLatency(from: 2, to: 1, 300_000_000...300_000_000)
    #expect(
      cluster.call(Service.echo, [1], from: 1, to: 2, timeout: second / 10) == .failure(.timedOut(mayHaveRun: true)))
    cluster.world.network.setLatency(from: 2, to: 1, nil)
    cluster.world.advance(nanoseconds: 5 * second)
    #expect(cluster[2].ran.withLock { $0 } == [[1]])
    #expect(cluster.call(Service.echo, [2], from: 1, to: 2) == .success([2]))
  }

  @Test("A cancelled or timed-out call cancels its handler", arguments: [UInt32(1), 2])
  func cancellation(to: UInt32) {
    let cluster = Cluster(2)
    let node = cluster[1]
    let result = Mutex<Result<[UInt8], TransportError>?>(nil)
    let task = node.runtime.spawn {
      let answer = await node.call(Service.hang, to: to, timeout: 100 * second)
      result.withLock { $0 = answer }
    }
    cluster.world.advance(nanoseconds: second)
    #expect(cluster[to].cancelled.withLock { $0 } == 0)
    task.cancel()
    #expect(cluster.wait { result.withLock { $0 } == .failure(.cancelled) })
    #expect(cluster.wait { cluster[to].cancelled.withLock { $0 } == 1 })
    #expect(cluster.call(Service.hang, from: 1, to: to) == .failure(.timedOut(mayHaveRun: true)))
    #expect(cluster.wait { cluster[to].cancelled.withLock { $0 } == 2 })

    let early = node.runtime.spawn {
      // Cancelled before it begins.
      withUnsafeCurrentTask { $0?.cancel() }
      let answer = await node.call(Service.echo, [8], to: to)
      result.withLock { $0 = answer }
    }
    cluster.world.advance(nanoseconds: second)
    #expect(result.withLock { $0 } == .failure(.cancelled))
    #expect(cluster.call(Service.echo, [9], from: 1, to: to) == .success([9]))
    _ = early
  }

  @Test("Too many requests are answered as overloaded, on either side")
  func overload() {
    var settings = TransportSettings()
    settings.requestsRunningMax = 4
    settings.callsInFlightMax = 6
    let cluster = Cluster(2, settings: settings)
    let node = cluster[1]
    let results = Mutex<[Result<[UInt8], TransportError>]>([])
    for _ in 0..<8 {
      node.runtime.spawn {
        let result = await node.call(Service.hang, to: 2, timeout: 5 * second)
        results.withLock { $0.append(result) }
      }
    }
    #expect(cluster.wait(2) { results.withLock { $0.count } == 4 })
    #expect(results.withLock { $0.allSatisfy { $0 == .failure(.overloaded) } })
    #expect(cluster.wait(10) { results.withLock { $0.count } == 8 })
    #expect(results.withLock { $0.count { $0 == .failure(.timedOut(mayHaveRun: true)) } } == 4)
    #expect(cluster.call(Service.echo, [1], from: 1, to: 2) == .success([1]))
  }

  @Test("Posts to a peer that does not take them are bounded, and the oldest go first")
  func postsBounded() {
    var settings = TransportSettings()
    settings.queuedPostsMax = 10
    let cluster = Cluster(2, settings: settings)
    cluster.world.pause(2)
    for n in 0..<100 {
      cluster[1].transport.post([UInt8(n)] + [UInt8](repeating: 0, count: 100_000), channel: 1, to: NodeID(2))
    }
    cluster.world.advance(nanoseconds: second)
    let dropped = Int(cluster[1].transport.peerStatus()[NodeID(2)]?.postsDropped ?? 0)
    #expect(dropped > 50)
    cluster.world.resume(2)
    #expect(cluster.wait { cluster[2].posts.withLock { $0.count } == 100 - dropped })
    let numbers = cluster[2].posts.withLock { $0.map { Int($0.payload[0]) } }
    #expect(numbers == numbers.sorted())
    #expect(Array(numbers.suffix(10)) == Array(90..<100))
  }
}
