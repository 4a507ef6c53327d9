import NIOCore
import PostgresWire
import Testing
import Values

/// Bounds, deadlines, back-pressure and shutdown, one client at a time, in virtual time.
@Suite struct LimitTests {
  private let second: UInt64 = 1_000_000_000

  @Test("A client that does not authenticate in time is told so and closed", arguments: ["", "SSLRequest"])
  func authenticationDeadline(first: String) {
    let wire = TestWire()
    if !first.isEmpty { wire.send(first) }
    _ = wire.answers()
    wire.loop.advance(nanoseconds: 9 * second)
    #expect(!wire.socket.isClosed)
    wire.loop.advance(nanoseconds: 2 * second)
    #expect(wire.answers() == ["Error S=FATAL | V=FATAL | C=57014 | M=canceling authentication due to timeout"])
    #expect(wire.socket.isClosed)
    #expect(wire.services.counters.authenticationTimeouts == 1)
    #expect(wire.services.counters.connectionsOpen == 0)
  }

  @Test("An authenticated client may be idle for as long as it likes")
  func noDeadlineAfterwards() {
    let wire = TestWire()
    wire.start()
    wire.loop.advance(nanoseconds: 3_600 * second)
    #expect(!wire.socket.isClosed)
  }

  @Test("A client that is idle in a transaction is so no longer than its session allows")
  func idleInTransaction() {
    let wire = TestWire()
    wire.start()
    wire.send("Query \"limit 5000000000; begin\"")
    for _ in 0..<3 {
      wire.loop.advance(nanoseconds: 4 * second)
      wire.send("Query \"rows 0\"")
    }
    wire.send("Query \"commit\"")
    wire.loop.advance(nanoseconds: 3_600 * second)
    #expect(!wire.socket.isClosed)
    wire.send("Query \"begin\"")
    _ = wire.answers()
    wire.loop.advance(nanoseconds: 5 * second)
    #expect(wire.answers() == ["Error S=FATAL | V=FATAL | C=25P03 | M=too long"])
    #expect(wire.socket.isClosed)
    #expect(wire.factory.journal.all.last == "terminate")
  }

  @Test("A session that another one ends is ended when its statement is over")
  func ended() {
    let wire = TestWire()
    wire.start()
    wire.send("Query \"end\"", "Query \"rows 1\"")
    #expect(
      wire.answers(showFlushes: false).suffix(1) == ["Error S=FATAL | V=FATAL | C=57P01 | M=ended by 127.0.0.1"])
    #expect(wire.socket.isClosed)
  }

  @Test("Only loopback comes in without a password")
  func otherHosts() {
    let wire = TestWire(peer: ClientAddress(host: "192.0.2.7", isLoopback: false))
    wire.send("Startup user=me")
    let hint = "H=Connect over the loopback interface of the node's machine."
    #expect(
      wire.answers() == [
        "Error S=FATAL | V=FATAL | C=28000 | M=connections from other hosts are not accepted | \(hint)"
      ])
    #expect(wire.socket.isClosed)
  }

  @Test("Unauthenticated connections are bounded for each address and in all; the authenticated do not count there")
  func unauthenticatedCaps() {
    var settings = WireSettings()
    settings.unauthenticatedMax = 3
    settings.unauthenticatedPerAddressMax = 2
    settings.connectionsMax = 2
    var admission = Admission(settings: settings)
    #expect(admission.arrive(from: "a") == nil)
    #expect(admission.arrive(from: "a") == nil)
    #expect(admission.arrive(from: "a")?.state == .tooManyConnections)
    #expect(admission.arrive(from: "b") == nil)
    #expect(admission.arrive(from: "c")?.state == .tooManyConnections)
    #expect(admission.authenticate(from: "a") == nil)
    #expect(admission.arrive(from: "a") == nil)
    #expect(admission.authenticate(from: "b") == nil)
    #expect(admission.authenticate(from: "a")?.state == .tooManyConnections)
    admission.left(from: "b", wasAuthenticated: true)
    #expect(admission.authenticate(from: "a") == nil)
    admission.left(from: "a", wasAuthenticated: false)
    admission.left(from: "a", wasAuthenticated: true)
    admission.left(from: "a", wasAuthenticated: true)
    #expect(admission.authenticated == 0)
    #expect(admission.unauthenticated == 0)
  }

  @Test("One client more than the cap hears 53300 after its startup packet")
  func connectionCap() {
    var settings = WireSettings()
    settings.connectionsMax = 1
    let wire = TestWire(settings: settings)
    wire.start()
    let second = TestSocket()
    let connection = TestWire.connect(second, services: wire.services, loop: wire.loop)
    connection.assumeIsolated { $0.received(ClientText.bytes(of: "Startup user=me")) }
    wire.loop.runUntilIdle()
    let lines = second.takeSent().flatMap { ServerText.lines(of: $0) }
    #expect(lines == ["Error S=FATAL | V=FATAL | C=53300 | M=sorry, too many clients already"])
    #expect(second.isClosed)
    wire.hangUp()
    #expect(wire.services.counters.connectionsOpen == 0)
  }

  @Test("Reading stops while a statement runs and more than the bound has arrived, and goes on afterwards")
  func inputBackPressure() {
    let wire = TestWire()
    wire.start()
    wire.send("Query \"hang\"")
    let query = ClientText.bytes(of: "Query \"rows 1\"")
    var sent = 0
    while wire.socket.isReading {
      wire.send(query)
      sent += 1
      #expect(sent * query.readableBytes < 70_000, "reading never stops")
      if sent * query.readableBytes >= 70_000 { return }
    }
    #expect(sent * query.readableBytes > 60_000)
    #expect(wire.answers() == [])
    wire.services.cancelKeys.cancel(CancelKey(processID: 1, secret: 0x0102_0304))
    wire.loop.runUntilIdle()
    #expect(wire.socket.isReading)
    #expect(wire.answers(showFlushes: false).count == 2 + 4 * sent)
  }

  @Test("A client that does not read stops its statement, then loses it")
  func slowReader() {
    let wire = TestWire()
    wire.start()
    wire.socket.isWritable = false
    wire.send("Query \"rows 1000000\"")
    let sent = wire.socket.takeSent().reduce(0) { $0 + $1.readableBytes }
    #expect(sent < 40_000, "\(sent) bytes for a client that does not read")
    wire.loop.advance(nanoseconds: 59 * second)
    #expect(!wire.socket.isClosed)
    wire.loop.advance(nanoseconds: 2 * second)
    #expect(wire.socket.wasAborted)
    #expect(wire.services.counters.slowReaders == 1)
    #expect(wire.services.counters.connectionsOpen == 0)
    #expect(wire.factory.journal.all.suffix(2) == ["cancel", "terminate"])
  }

  @Test("A client that reads again gets every row")
  func readerComesBack() {
    let wire = TestWire()
    wire.start()
    wire.socket.isWritable = false
    wire.send("Query \"rows 10000\"")
    var lines: [String] = wire.answers(showFlushes: false)
    wire.loop.advance(nanoseconds: 30 * second)
    wire.socket.isWritable = true
    wire.connection.assumeIsolated { $0.writabilityChanged() }
    wire.loop.runUntilIdle()
    lines += wire.answers(showFlushes: false)
    #expect(lines.count == 10_003)
    wire.loop.advance(nanoseconds: 100 * second)
    #expect(!wire.socket.isClosed)
  }

  @Test("A client that leaves during a statement cancels it")
  func hangUp() {
    let wire = TestWire()
    wire.start()
    wire.send("Query \"hang\"")
    wire.hangUp()
    #expect(wire.factory.journal.all.suffix(3) == ["hang", "cancel", "terminate"])
    #expect(wire.services.counters.connectionsOpen == 0)
    #expect(!wire.services.cancelKeys.cancel(CancelKey(processID: 1, secret: 0x0102_0304)))
  }

  @Test("Incomplete large messages of all connections share a budget")
  func inputBudget() {
    var settings = WireSettings()
    settings.inputBudgetBytes = 1_000_000
    let wire = TestWire(settings: settings)
    wire.start()
    var head = ByteBuffer(bytes: [UInt8(ascii: "Q")])
    head.writeInteger(50_000_000 as UInt32)
    wire.send(head)
    for _ in 0..<20 where !wire.socket.isClosed { wire.send(ByteBuffer(repeating: 0x20, count: 60_000)) }
    #expect(wire.socket.isClosed)
    #expect(
      wire.answers() == ["Error S=FATAL | V=FATAL | C=53200 | M=too much memory is taken by incomplete messages"])
    // What it held is free again.
    let other = TestSocket()
    let connection = TestWire.connect(other, services: wire.services, loop: wire.loop)
    connection.assumeIsolated { $0.received(ClientText.bytes(of: "Startup user=me")) }
    head.writeRepeatingByte(0x20, count: 900_000)
    connection.assumeIsolated { $0.received(head) }
    wire.loop.runUntilIdle()
    #expect(!other.isClosed)
  }

  @Test("Many small CopyData messages reach the session in few pieces")
  func copyBatches() {
    let wire = TestWire()
    wire.start()
    wire.send("Query \"copy in\"")
    let row = ClientText.bytes(of: "CopyData \"12\\t3456\\n\"")
    var rows = ByteBuffer()
    for _ in 0..<50_000 { rows.writeImmutableBuffer(row) }
    wire.send(rows, pieceBytes: { 65_536 })
    wire.send("CopyDone")
    #expect(wire.answers(showFlushes: false).last == "ReadyForQuery I")
    #expect(wire.factory.journal.all.last == "copied 400000")
    #expect(wire.services.counters.messagesReceived < 50)
  }

  @Test("Shutdown: an idle client hears 57P01 at once, a busy one when its statement is over")
  func shutdown() {
    let idle = TestWire()
    idle.start()
    idle.connection.assumeIsolated { $0.shutDown() }
    idle.loop.runUntilIdle()
    let notice = "Error S=FATAL | V=FATAL | C=57P01 | M=terminating connection due to administrator command"
    #expect(idle.answers() == [notice])
    #expect(idle.socket.isClosed)
    #expect(idle.factory.journal.all.last == "terminate")

    let busy = TestWire()
    busy.start()
    busy.send("Query \"hang\"")
    busy.connection.assumeIsolated { $0.shutDown() }
    busy.loop.runUntilIdle()
    #expect(!busy.socket.isClosed)
    busy.connection.assumeIsolated { $0.cutOff() }
    busy.loop.runUntilIdle()
    #expect(
      busy.answers(showFlushes: false) == [
        "Error S=ERROR | V=ERROR | C=57014 | M=canceling statement due to user request", "ReadyForQuery I", notice,
      ])
    #expect(busy.socket.isClosed)
  }

  @Test("Shutdown does not wait for a client that does not read")
  func cutOffWhileNotReading() {
    let wire = TestWire()
    wire.start()
    wire.socket.isWritable = false
    wire.send("Query \"rows 1000000\"")
    #expect(!wire.socket.isClosed)
    wire.connection.assumeIsolated { $0.cutOff() }
    wire.loop.runUntilIdle()
    #expect(wire.socket.wasAborted)
    #expect(wire.services.counters.connectionsOpen == 0)
  }

  @Test("Shutdown does not wait for the Sync of a client that says nothing")
  func cutOffBetweenMessages() {
    let wire = TestWire()
    wire.start()
    wire.send("Parse \"\" \"rows 1\"")
    wire.connection.assumeIsolated { $0.shutDown() }
    wire.loop.runUntilIdle()
    #expect(!wire.socket.isClosed)
    wire.connection.assumeIsolated { $0.cutOff() }
    wire.loop.runUntilIdle()
    #expect(wire.socket.isClosed)
  }
}
