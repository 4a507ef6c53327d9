import NIOCore
import Runtime
import SQL
import Values

/// One client's connection: the shell around `ConnectionMachine`.
///
/// Lives on one loop together with its socket and its session, so that nothing here waits for another thread. One task
/// (`run`) takes message after message from the decoder, steps the machine, and carries out its effects; the socket's
/// events only fill the decoder and wake that task.
package actor ClientConnection {
  package nonisolated let unownedExecutor: UnownedSerialExecutor
  nonisolated let loop: any Loop
  let services: WireServices
  let socket: any ClientSocket

  var machine = ConnectionMachine()
  var decoder: FrontendDecoder
  var session: (any Session)?
  /// The effects of the latest step. COPY steps the machine while an effect of this list is being carried out, and
  /// brings a list of its own.
  var effects: [ConnectionMachine.Effect] = []

  // Input
  private var inputWaiter: CheckedContinuation<Void, Never>?
  private var isReading = true
  private var chargedBytes = 0

  // Output
  var out = ByteBuffer()
  var rowWriter = DataRowWriter()
  private var isFlushDue = false
  private var isFlushScheduled = false
  private var writableWaiter: CheckedContinuation<Void, Never>?

  // Life
  var key: CancelKey?
  var isAuthenticated = false
  /// The socket is closed, or about to be: nothing is read or written any more.
  var isOver = false
  private var ending: SQLError?
  private var isEndingUrgent = false
  /// Runs while a transaction waits for the client's next message.
  private var idleTimer: (any ScheduledWork)?
  var counters = WireCounters()

  package init(loop: any Loop, services: WireServices, socket: any ClientSocket) {
    self.loop = loop
    unownedExecutor = loop.asUnownedSerialExecutor()
    self.services = services
    self.socket = socket
    decoder = FrontendDecoder(settings: services.settings)
  }

  /// Serves the client until it leaves. Call once.
  package func run() async {
    let deadline = loop.schedule(after: services.settings.authenticationNanoseconds) { [weak self] in
      self?.assumeIsolated { $0.authenticationTimedOut() }
    }
    await serveStartup()
    deadline.cancel()
    while mayGoOn() {
      guard let message = takeMessage() else {
        await waitForInput()
        continue
      }
      idleTimer.take()?.cancel()
      machine.received(message, effects: &effects)
      await carryOut()
    }
    await leave()
  }

  /// Ends the connection if the next message takes longer.
  func limitIdleness(_ limit: IdleLimit) {
    idleTimer = loop.schedule(after: limit.nanoseconds) { [weak self] in
      self?.assumeIsolated { $0.end(limit.error, urgently: true) }
    }
  }

  private func leave() async {
    idleTimer.take()?.cancel()
    if let key { services.cancelKeys.release(key) }
    let session = session
    self.session = nil
    await session?.terminate()
    _ = services.chargeInput(-chargedBytes)
    services.admit { [peer = socket.peer, isAuthenticated] in
      $0.left(from: peer.host, wasAuthenticated: isAuthenticated)
    }
    publish()
  }
}

// MARK: - What the socket tells

extension ClientConnection {
  package func received(_ bytes: ByteBuffer) {
    guard !isOver else { return }
    counters.bytesReceived &+= bytes.readableBytes
    decoder.append(bytes)
    let isMuch = decoder.bufferedBytes > services.settings.inputBytesSoftMax
    if isMuch || chargedBytes > 0, !chargeInput() {
      return end(SQLError(.outOfMemory, "too much memory is taken by incomplete messages"), urgently: true)
    }
    if let waiter = inputWaiter.take() {
      waiter.resume()
    } else if isMuch {
      setReading(false)
    }
  }

  package func writabilityChanged() {
    if socket.isWritable { writableWaiter.take()?.resume() }
  }

  /// The socket is closed, by whomever.
  package func disconnected() {
    isOver = true
    session?.cancel()
    inputWaiter.take()?.resume()
    writableWaiter.take()?.resume()
  }

  /// The server stops: the client hears why as soon as nothing of it runs.
  package func shutDown() {
    end(SQLError(.adminShutdown, "terminating connection due to administrator command"), urgently: false)
  }

  /// The server stops now, whatever runs.
  package func cutOff() {
    session?.cancel()
    // It waits for a client that does not read, which would not read the reason either.
    if writableWaiter != nil {
      socket.abort()
      return disconnected()
    }
    end(SQLError(.adminShutdown, "terminating connection due to administrator command"), urgently: true)
  }

  /// Ends the connection with FATAL when nothing of it is under way, or, urgently, as soon as no statement runs.
  func end(_ error: SQLError, urgently: Bool) {
    if ending == nil { ending = error }
    if urgently { isEndingUrgent = true }
    inputWaiter.take()?.resume()
  }

  private func authenticationTimedOut() {
    guard !isOver, !isAuthenticated else { return }
    counters.authenticationTimeouts += 1
    end(SQLError(.queryCanceled, "canceling authentication due to timeout"), urgently: true)
  }

  private func setReading(_ isOn: Bool) {
    if isReading == isOn { return }
    isReading = isOn
    socket.setReading(isOn)
  }
}

// MARK: - Input

extension ClientConnection {
  /// The next message if it is here. One that cannot be followed ends the connection.
  private func takeMessage() -> FrontendMessage? {
    do {
      guard let message = try decoder.next() else { return nil }
      counters.messagesReceived &+= 1
      return message
    } catch {
      violated(error)
      return nil
    }
  }

  /// The next message, or nil when the connection is over.
  func nextMessage() async -> FrontendMessage? {
    while mayGoOn() {
      if let message = takeMessage() { return message }
      await waitForInput()
    }
    return nil
  }

  func nextStartupPacket() async -> StartupPacket? {
    while mayGoOn() {
      do {
        if let packet = try decoder.nextStartup() { return packet }
      } catch {
        violated(error)
        return nil
      }
      await waitForInput()
    }
    return nil
  }

  /// False when the connection is over, and ends it where that was only waiting for the last statement to finish.
  private func mayGoOn() -> Bool {
    if let ending, mustEnd {
      var effects: [ConnectionMachine.Effect] = []
      machine.ended(ending, effects: &effects)
      carryOutSending(effects)
    }
    return !isOver
  }

  private var mustEnd: Bool { ending != nil && (isEndingUrgent || machine.isIdle) }

  private func violated(_ violation: WireViolation) {
    counters.protocolViolations += 1
    var effects: [ConnectionMachine.Effect] = []
    machine.violated(violation, effects: &effects)
    carryOutSending(effects)
  }

  /// Everything that arrived is dealt with: what was answered leaves in one piece.
  private func waitForInput() async {
    if isOver { return }
    if isFlushDue { flush() }
    if !socket.isWritable { try? await waitUntilWritable() }
    if isOver || mustEnd { return }
    publish()
    setReading(true)
    await withCheckedContinuation { inputWaiter = $0 }
  }

  /// Adds what this connection counted to the server's totals, and gives back what it no longer holds.
  private func publish() {
    services.totals.add(counters)
    counters = WireCounters()
    if chargedBytes > 0, decoder.bufferedBytes < chargedBytes { chargeInput() }
  }

  /// - Returns: whether all connections together are within their budget.
  @discardableResult
  private func chargeInput() -> Bool {
    let held = decoder.bufferedBytes > services.settings.inputBytesSoftMax ? decoder.bufferedBytes : 0
    defer { chargedBytes = held }
    return services.chargeInput(held - chargedBytes)
  }
}

// MARK: - Output

extension ClientConnection {
  func send(_ message: BackendMessage) {
    message.write(into: &out)
  }

  func flush() {
    isFlushDue = false
    guard !isOver, out.readableBytes > 0 else { return }
    counters.flushes += 1
    counters.bytesSent &+= out.readableBytes
    socket.send(out)
    // Mostly the socket took it all and the storage is ours again; if not, this makes a new one.
    if out.storageCapacity > services.settings.flushBytes * 4 { out = ByteBuffer() } else { out.clear() }
  }

  /// Sends what is due when this turn of the loop ends, unless it left before: more messages may be waiting whose
  /// answers can go along, but a statement that waits for something must not hold back the answers before it.
  func flushSoon() {
    isFlushDue = true
    if out.readableBytes >= services.settings.flushBytes { return flush() }
    if isFlushScheduled || decoder.bufferedBytes == 0 { return }
    isFlushScheduled = true
    loop.execute { self.assumeIsolated { $0.scheduledFlush() } }
  }

  private func scheduledFlush() {
    isFlushScheduled = false
    if isFlushDue { flush() }
  }

  /// Sends what there is once it is worth it, and waits while the client does not read.
  func drain() async throws(SQLError) {
    if isOver { throw Self.clientGone }
    guard out.readableBytes >= services.settings.flushBytes else { return }
    flush()
    if !socket.isWritable { try await waitUntilWritable() }
  }

  private func waitUntilWritable() async throws(SQLError) {
    let deadline = loop.schedule(after: services.settings.writeNanoseconds) { [weak self] in
      self?.assumeIsolated { $0.clientDoesNotRead() }
    }
    while !isOver, !socket.isWritable {
      await withCheckedContinuation { writableWaiter = $0 }
    }
    deadline.cancel()
    if isOver { throw Self.clientGone }
  }

  private func clientDoesNotRead() {
    guard !isOver, !socket.isWritable else { return }
    counters.slowReaders += 1
    services.logger.info("client does not read its results", metadata: ["client": "\(socket.peer.host)"])
    socket.abort()
    disconnected()
  }

  static let clientGone = SQLError("08006", "connection to client lost")
}
