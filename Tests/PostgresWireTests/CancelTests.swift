import NIOCore
import PostgresWire
import SQL
import Synchronization
import Testing
import Values

@Suite struct CancelTests {
  private func send(_ line: String, to wire: TestWire) -> TestSocket {
    let socket = TestSocket()
    let connection = TestWire.connect(socket, services: wire.services, loop: wire.loop)
    connection.assumeIsolated { $0.received(ClientText.bytes(of: line)) }
    wire.loop.runUntilIdle()
    return socket
  }

  @Test("A cancel request with the right secret cancels, one with a wrong secret does not; neither is answered")
  func cancelRequest() {
    let wire = TestWire()
    wire.start()
    wire.send("Query \"hang\"")
    for line in ["Cancel 1 16909061", "Cancel 2 16909060", "Cancel 0 0", "Cancel -1 16909060"] {
      let socket = send(line, to: wire)
      #expect(socket.isClosed && socket.sent.isEmpty, "\(line)")
      #expect(wire.answers() == [], "\(line)")
    }
    let socket = send("Cancel 1 16909060", to: wire)
    #expect(socket.isClosed && socket.sent.isEmpty)
    #expect(
      wire.answers() == [
        "Error S=ERROR | V=ERROR | C=57014 | M=canceling statement due to user request", "ReadyForQuery I",
      ])
    #expect(wire.services.counters.cancelRequests == 5)
  }

  @Test("A key of another node goes to the hook, and process ids carry the node's number")
  func otherNode() {
    let forwarded = Mutex<[CancelKey]>([])
    var settings = WireSettings()
    settings.nodeNumber = 5
    let services = WireServices(
      settings: settings, factory: FakeFactory(), random: FixedRandom(),
      forwardCancel: { key in forwarded.withLock { $0.append(key) } })
    let loop = TestLoop()
    for node in [4, 5] as [Int32] {
      let socket = TestSocket()
      let connection = TestWire.connect(socket, services: services, loop: loop)
      connection.assumeIsolated { $0.received(ClientText.bytes(of: "Cancel \(node << 20 | 9) 77")) }
      loop.runUntilIdle()
    }
    #expect(forwarded.withLock { $0 } == [CancelKey(processID: 4_194_313, secret: 77)])
    let own = services.cancelKeys.reserve(secret: 1)
    #expect(own?.processID == 5_242_881)
    #expect(CancelKey(processID: 2047 << 20 | 3, secret: 0).nodeNumber == 2047)
  }

  @Test("A process id is given out again only after all others")
  func processIDs() throws {
    let keys = CancelKeys(nodeNumber: 0)
    let first = try #require(keys.reserve(secret: 1))
    keys.release(first)
    let second = try #require(keys.reserve(secret: 2))
    #expect(second.processID == first.processID + 1)
  }
}
