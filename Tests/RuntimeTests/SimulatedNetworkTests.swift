import NIOCore
import Runtime
import Synchronization
import Testing

private let second: UInt64 = 1_000_000_000

@Suite("The simulated network")
struct SimulatedNetworkTests {
  /// A connection from node 1 to node 2, and what its ends saw.
  private final class Line: Sendable {
    let world: SimulatedWorld
    let runtimes: [Runtime]
    let near: any Connection
    let received = Mutex<[UInt8]>([])
    let ends = Mutex<[String]>([])
    let far = Mutex<(any Connection)?>(nil)
    let writable = Mutex<[Bool]>([])

    init(seed: UInt64) throws {
      let world = SimulatedWorld(seed: seed)
      let runtimes = (1...2).map { world.makeRuntime(node: $0) }
      self.world = world
      self.runtimes = runtimes
      let accepted = Accepted()
      let dialed = world.run(on: runtimes[0]) { () -> (any Connection)? in
        let address = Address(host: "b", port: 5)
        _ = try? await runtimes[1].network.listen(on: address, loop: runtimes[1].loops[0]) { accepted.set($0) }
        return try? await runtimes[0].network.connect(
          to: address, loop: runtimes[0].loops[0], timeoutNanoseconds: second)
      }
      near = try #require(dialed ?? nil)
      #expect(world.run(until: { accepted.get() != nil }, limitNanoseconds: second))
      far.withLock { $0 = accepted.get() }
      start()
    }

    private func start() {
      let far = far.withLock { $0 }
      runtimes[1].loops[0].execute { [self] in
        far?.start(
          received: { [self] bytes in received.withLock { $0.append(contentsOf: bytes.readableBytesView) } },
          writable: { _ in },
          closed: { [self] error in ends.withLock { $0.append("far \(error.map { "\($0)" } ?? "end")") } })
      }
      runtimes[0].loops[0].execute { [self] in
        near.start(
          received: { _ in }, writable: { [self] now in writable.withLock { $0.append(now) } },
          closed: { [self] error in ends.withLock { $0.append("near \(error.map { "\($0)" } ?? "end")") } })
      }
    }

    func send(_ bytes: [UInt8]) {
      runtimes[0].loops[0].execute { [near] in near.send(ByteBuffer(bytes: bytes)) }
    }
    func close() { runtimes[0].loops[0].execute { [near] in near.close() } }
    var sortedEnds: [String] { ends.withLock { $0.sorted() } }
  }

  /// Holds what was accepted.
  private final class Accepted: Sendable {
    private let value = Mutex<(any Connection)?>(nil)
    func set(_ connection: any Connection) { value.withLock { $0 = connection } }
    func get() -> (any Connection)? { value.withLock { $0 } }
  }

  @Test("keeps order, whatever the delays; the last bytes arrive before the end", arguments: UInt64(1)...20)
  func order(seed: UInt64) throws {
    let line = try Line(seed: seed)
    var sent: [UInt8] = []
    for n in 0..<200 {
      let bytes = [UInt8](repeating: UInt8(n), count: n)
      sent += bytes
      line.send(bytes)
      if n % 3 == 0 { line.world.advance(nanoseconds: 100_000) }
    }
    line.close()
    line.world.advance(nanoseconds: second)
    #expect(line.received.withLock { $0 } == sent, "seed \(seed)")
    #expect(line.sortedEnds == ["far end", "near end"])
  }

  @Test("keeps order when links are cut under bytes that are on their way", arguments: UInt64(1)...40)
  func orderAcrossCuts(seed: UInt64) throws {
    let line = try Line(seed: seed)
    var random = SeededRandom(seed: seed)
    var sent: [UInt8] = []
    for n in 0..<300 {
      let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: n), count: 1 + n % 50)
      sent += bytes
      line.send(bytes)
      line.world.advance(nanoseconds: random.below(400_000))
      switch random.below(8) {
      case 0: line.world.network.cut(from: 1, to: 2)
      case 1: line.world.network.heal()
      case 2: line.world.advance(nanoseconds: random.below(second))
      default: break
      }
    }
    line.close()
    line.world.network.heal()
    line.world.advance(nanoseconds: 5 * second)
    #expect(line.received.withLock { $0 } == sent, "seed \(seed)")
    #expect(line.sortedEnds == ["far end", "near end"])
  }

  @Test("holds bytes back on a cut link and delivers them after it is healed")
  func cut() throws {
    let line = try Line(seed: 1)
    line.world.network.cut(from: 1, to: 2)
    line.send([1, 2])
    line.world.advance(nanoseconds: 5 * second)
    line.send([3])
    #expect(line.received.withLock { $0 }.isEmpty)
    line.world.network.heal(from: 1, to: 2)
    line.world.advance(nanoseconds: second)
    #expect(line.received.withLock { $0 } == [1, 2, 3])
    line.world.network.stall(from: 1, to: 2, nanoseconds: 10 * second)
    line.send([4])
    line.world.advance(nanoseconds: 9 * second)
    #expect(line.received.withLock { $0.count } == 3)
    line.world.advance(nanoseconds: 3 * second)
    #expect(line.received.withLock { $0 } == [1, 2, 3, 4])
  }

  @Test("gives a connection up when its bytes wait too long; the other end hears nothing")
  func givesUp() throws {
    let line = try Line(seed: 1)
    line.world.network.cutBoth(1, 2)
    line.send([1])
    line.world.advance(nanoseconds: 70 * second)
    #expect(line.sortedEnds == ["near timedOut"])
  }

  @Test("tells both ends of a reset, and the peer of a killed process")
  func breaks() throws {
    let line = try Line(seed: 1)
    line.world.network.reset(1, 2)
    line.world.advance(nanoseconds: second)
    #expect(line.sortedEnds == ["far reset", "near reset"])
    let other = try Line(seed: 2)
    other.world.crash(2, .kill)
    other.world.advance(nanoseconds: second)
    #expect(other.sortedEnds == ["near reset"])
  }

  @Test("tells nobody of a power cut, until the machine is back and gets bytes of a connection it does not know")
  func halfOpen() throws {
    let line = try Line(seed: 1)
    line.world.crash(2, .powerCut)
    line.send([1])
    line.world.advance(nanoseconds: 30 * second)
    #expect(line.sortedEnds == [])
    _ = line.world.makeRuntime(node: 2)
    line.send([2])
    line.world.advance(nanoseconds: second)
    #expect(line.sortedEnds == ["near reset"])
  }

  @Test("stops taking bytes from a sender whose peer does not read")
  func backpressure() throws {
    let line = try Line(seed: 1)
    line.world.pause(2)
    for _ in 0..<20 { line.send([UInt8](repeating: 0, count: 100_000)) }
    line.world.advance(nanoseconds: second)
    #expect(line.writable.withLock { $0 } == [false])
    #expect(!line.near.isWritable)
    line.world.resume(2)
    line.world.advance(nanoseconds: second)
    #expect(line.writable.withLock { $0 } == [false, true])
    #expect(line.received.withLock { $0.count } == 2_000_000)
  }

  @Test("A connection attempt is refused, times out or succeeds as the other machine is")
  func connecting() {
    let world = SimulatedWorld(seed: 1)
    let (one, two) = (world.makeRuntime(node: 1), world.makeRuntime(node: 2))
    let address = Address(host: "b", port: 5)
    func attempt() -> NetworkFailure? {
      world.run(on: one) { () -> NetworkFailure? in
        do {
          _ = try await one.network.connect(to: address, loop: one.loops[0], timeoutNanoseconds: 3 * second)
          return nil
        } catch {
          return error as? NetworkFailure
        }
      } ?? nil
    }
    #expect(attempt() == .refused)
    _ = world.run(on: two) {
      _ = try? await two.network.listen(on: address, loop: two.loops[0]) { _ in }
    }
    #expect(attempt() == nil)
    world.network.cut(from: 2, to: 1)
    #expect(attempt() == .timedOut)
    world.network.heal()
    #expect(attempt() == nil)
    world.pause(2)
    #expect(attempt() == nil, "the kernel of a stopped process answers")
    world.crash(2, .kill)
    #expect(attempt() == .refused)
    _ = world.makeRuntime(node: 2)
    world.crash(2, .powerCut)
    #expect(attempt() == .timedOut)
  }

  @Test("has the shapes of partial partitions")
  func shapes() {
    let world = SimulatedWorld(seed: 1)
    defer { withExtendedLifetime(world) {} }
    let network = world.network
    func links(_ nodes: ClosedRange<Int>) -> [[Int]] {
      nodes.map { a in nodes.filter { $0 != a && !network.isCut(from: a, to: $0) } }
    }
    network.bridge([1, 2, 3], over: 3, [3, 4, 5])
    #expect(links(1...5) == [[2, 3], [1, 3], [1, 2, 4, 5], [3, 5], [3, 4]])
    network.heal()
    network.ring([1, 2, 3, 4, 5])
    #expect(links(1...5) == [[2, 5], [1, 3], [2, 4], [3, 5], [1, 4]])
    network.heal()
    network.partition([[1, 2], [3]])
    #expect(links(1...4) == [[2, 4], [1, 4], [4], [1, 2, 3]])
  }
}
