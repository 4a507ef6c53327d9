import Keys
import NIOCore
import Runtime
import Synchronization
import Testing
import Transport

@Suite("Transport over loopback sockets")
struct LoopbackTests {
  /// Two nodes in real runtimes, connected.
  private func withPair(
    loops: Int, _ body: (TestNode, TestNode, Address) async throws -> Void
  ) async throws {
    let runtimes = [RealRuntime.make(loops: loops), RealRuntime.make(loops: loops)]
    let nodes = [TestNode(1, runtime: runtimes[0]), TestNode(2, runtime: runtimes[1])]
    var addresses: [NodeID: Address] = [:]
    for node in nodes {
      addresses[node.id] = try await node.transport.start(listenOn: Address(host: "127.0.0.1", port: 0))
    }
    await withCheckedContinuation { connected in
      let left = Mutex(2)
      for node in nodes {
        node.transport.onPeerChange { _, change in
          guard case .connected = change else { return }
          let isLast = left.withLock { left in
            left -= 1
            return left == 0
          }
          if isLast { connected.resume() }
        }
        node.transport.setPeers(addresses)
      }
    }
    try await body(nodes[0], nodes[1], addresses[NodeID(2)]!)
    for node in nodes { await node.transport.stop() }
    for runtime in runtimes { await runtime.shutdown() }
  }

  @Test("Calls of many tasks, small and large, find their own answers", arguments: [1, 2])
  func calls(loops: Int) async throws {
    try await withPair(loops: loops) { one, two, _ in
      let wrong = await withTaskGroup(of: Int.self) { group in
        for task in 0..<64 {
          group.addTask(executorPreference: one.runtime.loops[0]) {
            var wrong = 0
            for n in 0..<50 {
              let payload = [UInt8(task), UInt8(n)] + [UInt8](repeating: 1, count: n * n * 4)
              let answer = await one.call(Service.echo, payload, to: 2, timeout: 60 * second)
              if answer != .success(payload) { wrong += 1 }
            }
            return wrong
          }
        }
        return await group.reduce(0, +)
      }
      #expect(wrong == 0)
      let large = [UInt8](repeating: 7, count: 20 << 20)
      #expect(await two.call(Service.echo, large, to: 1, timeout: 60 * second) == .success(large))
      #expect(
        await one.call(Service.fail, [1], to: 2, timeout: 60 * second) == .failure(.remote(code: 77, message: "no [1]"))
      )
      #expect(await one.call(Service.hang, to: 2, timeout: 1_000_000) == .failure(.timedOut(mayHaveRun: true)))
    }
  }

  @Test("Strangers, noise and oversized frames on the port are turned away, and the peers do not notice")
  func strangers() async throws {
    try await withPair(loops: 1) { one, two, address in
      let runtime = one.runtime
      var random = SeededRandom(seed: 4)
      var payloads = [
        Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [UInt8](repeating: 0, count: 64),
        [UInt8](repeating: 255, count: 64),
      ]
      for _ in 0..<20 { payloads.append((0..<200).map { _ in UInt8(truncatingIfNeeded: random.next()) }) }
      var request = ByteBuffer()
      Frame(kind: .request, selector: 1, time: .zero, payload: [1]).write(to: &request)
      payloads.append(Array(request.readableBytesView))
      var declared = ByteBuffer()
      declared.writeMultipleIntegers(UInt32(0), UInt32(1 << 30), endianness: .little)
      payloads.append(Array(declared.readableBytesView))

      for payload in payloads {
        let connection = try await runtime.network.connect(
          to: address, loop: runtime.loops[0], timeoutNanoseconds: 10 * second)
        await withCheckedContinuation { closed in
          runtime.loops[0].execute {
            connection.start(received: { _ in }, writable: { _ in }, closed: { _ in closed.resume() })
            connection.send(ByteBuffer(bytes: payload))
          }
        }
      }
      #expect(two.ran.withLock { $0.isEmpty })
      #expect(await one.call(Service.echo, [5], to: 2, timeout: 60 * second) == .success([5]))
      #expect(one.changes.withLock { $0.count } == 1)
    }
  }
}
