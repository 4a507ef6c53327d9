import NIOCore
import PostgresWire
import Runtime

/// A loop that runs only when told to, on the thread of its test, with time that only moves when told to.
final class TestLoop: Loop, @unchecked Sendable {
  // `@unchecked`: a test and everything it starts stay on the test's one thread.
  private var jobs: [UnownedJob] = []
  private var timers: [Timer] = []
  private var now: UInt64 = 0

  private final class Timer: ScheduledWork, @unchecked Sendable {
    // `@unchecked`: as for the loop.
    let deadline: UInt64
    var body: (@Sendable () -> Void)?
    init(deadline: UInt64, body: @escaping @Sendable () -> Void) {
      self.deadline = deadline
      self.body = body
    }
    func cancel() { body = nil }
  }

  var isCurrent: Bool { true }
  func checkIsolated() {}
  func isIsolatingCurrentContext() -> Bool? { true }

  func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

  func execute(_ body: @escaping @Sendable () -> Void) { spawn { body() } }

  @discardableResult
  func schedule(after nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
    let timer = Timer(deadline: now + nanoseconds, body: body)
    timers.append(timer)
    return timer
  }

  /// Runs what can run without time passing.
  func runUntilIdle() {
    var next = 0
    while next < jobs.count {
      let job = jobs[next]
      next += 1
      job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }
    jobs.removeAll(keepingCapacity: true)
  }

  func advance(nanoseconds: UInt64) {
    now += nanoseconds
    let due = timers.filter { $0.deadline <= now }
    timers.removeAll { $0.deadline <= now || $0.body == nil }
    for timer in due { timer.body?() }
    runUntilIdle()
  }
}

/// A socket whose other end is the test.
final class TestSocket: ClientSocket, @unchecked Sendable {
  // `@unchecked`: used on its test's one thread only.
  let peer: ClientAddress
  /// What was sent, a piece for each flush.
  var sent: [ByteBuffer] = []
  var isWritable = true
  var isReading = true
  var isClosed = false
  var wasAborted = false

  init(peer: ClientAddress = ClientAddress(host: "127.0.0.1", isLoopback: true)) { self.peer = peer }

  func send(_ bytes: ByteBuffer) { sent.append(bytes) }
  func setReading(_ isOn: Bool) { isReading = isOn }
  func close() { isClosed = true }
  func abort() { (isClosed, wasAborted) = (true, true) }

  /// What was sent since the last call, and where it was flushed.
  func takeSent() -> [ByteBuffer] {
    defer { sent = [] }
    return sent
  }
}

/// Numbers that follow from a seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Secrets that a transcript can contain.
struct FixedRandom: RandomSource {
  func next() -> UInt64 { 0x0102_0304_0506_0708 }
}

/// One connection with the test at its other end.
struct TestWire {
  let loop = TestLoop()
  let factory = FakeFactory()
  let services: WireServices
  let socket: TestSocket
  let connection: ClientConnection

  init(settings: WireSettings = WireSettings(), peer: ClientAddress? = nil) {
    services = WireServices(settings: settings, factory: factory, random: FixedRandom())
    socket = peer.map { TestSocket(peer: $0) } ?? TestSocket()
    connection = Self.connect(socket, services: services, loop: loop)
  }

  /// Another client of the same server.
  static func connect(_ socket: TestSocket, services: WireServices, loop: TestLoop) -> ClientConnection {
    let refusal = services.arrive(from: socket.peer)
    precondition(refusal == nil, "the test's own connections fit")
    let connection = ClientConnection(loop: loop, services: services, socket: socket)
    loop.spawn { await connection.run() }
    loop.runUntilIdle()
    return connection
  }

  /// The client sends bytes, in pieces of at most so many.
  func send(_ bytes: ByteBuffer, pieceBytes: () -> Int = { .max }) {
    var rest = bytes
    while rest.readableBytes > 0 {
      guard let piece = rest.readSlice(length: min(rest.readableBytes, max(1, pieceBytes()))) else { return }
      connection.assumeIsolated { $0.received(piece) }
      loop.runUntilIdle()
    }
  }

  func send(_ lines: String...) { send(ClientText.bytes(ofAll: lines)) }

  /// The client goes through startup.
  func start() {
    send("Startup user=me database=db")
    _ = socket.takeSent()
  }

  /// The client closes its socket.
  func hangUp() {
    connection.assumeIsolated { $0.disconnected() }
    loop.runUntilIdle()
  }

  /// What the server sent since the last call, as text; `--` where it was flushed.
  func answers(showFlushes: Bool = true) -> [String] {
    let pieces = socket.takeSent()
    guard showFlushes else {
      var all = ByteBuffer()
      for piece in pieces { all.writeImmutableBuffer(piece) }
      return ServerText.lines(of: all)
    }
    return Array(pieces.map { ServerText.lines(of: $0) }.joined(separator: ["--"]))
  }
}
