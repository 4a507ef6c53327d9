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
  private var effects: [ConnectionMachine.Effect] = []

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
  private var key: CancelKey?
  private var isAuthenticated = false
  /// The socket is closed, or about to be: nothing is read or written any more.
  private(set) var isOver = false
  private var ending: SQLError?
  private var isEndingUrgent = false
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
    while let message = await nextMessage() {
      machine.received(message, effects: &effects)
      await carryOut()
    }
    await leave()
  }

  private func leave() async {
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
    end(SQLError(.adminShutdown, "terminating connection due to administrator command"), urgently: true)
  }

  /// Ends the connection with FATAL when nothing of it is under way, or, urgently, as soon as no statement runs.
  private func end(_ error: SQLError, urgently: Bool) {
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
  /// The next message, or nil when the connection is over.
  func nextMessage() async -> FrontendMessage? {
    while mayGoOn() {
      do {
        if let message = try decoder.next() {
          counters.messagesReceived &+= 1
          return message
        }
      } catch {
        violated(error)
        return nil
      }
      await waitForInput()
    }
    return nil
  }

  private func nextStartupPacket() async -> StartupPacket? {
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
  private func flushSoon() {
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

// MARK: - Effects

extension ClientConnection {
  /// Carries out `effects` in order, with what follows from the session's answers.
  private func carryOut() async {
    var index = 0
    while index < effects.count {
      let effect = effects[index]
      index += 1
      await carryOut(effect)
    }
    effects.removeAll(keepingCapacity: true)
  }

  /// Carries out effects that only send or close, as all are that a step outside the main loop has.
  func carryOutSending(_ effects: [ConnectionMachine.Effect]) {
    for effect in effects {
      switch effect {
      case .send(let message): send(message)
      case .flush: flush()
      case .close: close()
      case .sendByte, .cancel, .authenticate, .query, .request, .sync, .ready, .copyBytes, .copyEnd, .copyFail:
        preconditionFailure("\(effect) outside the main loop")
      }
    }
  }

  private func carryOut(_ effect: ConnectionMachine.Effect) async {
    switch effect {
    case .sendByte(let byte): out.writeInteger(byte)
    case .send(let message): send(message)
    case .flush: flushSoon()
    case .cancel(let key): cancel(key)
    case .authenticate(let request): await authenticate(request)
    case .query(let sql): await query(sql)
    case .request(let request): await answer(request)
    case .sync: await sync()
    case .ready: await reportReady()
    case .copyBytes, .copyEnd, .copyFail: break  // only while a statement pulls them: see `copyData`
    case .close: close()
    }
  }

  func close() {
    guard !isOver else { return }
    flush()
    isOver = true
    socket.close()
  }

  private func query(_ sql: String) async {
    guard let session else { return }
    do {
      try await session.simpleQuery(sql, sink: self)
      machine.finished(.query, effects: &effects)
    } catch {
      machine.failed(error, effects: &effects)
    }
  }

  private func answer(_ request: ExtendedRequest) async {
    guard let session else { return }
    do {
      machine.finished(try await perform(request, on: session), effects: &effects)
    } catch {
      machine.failed(error, effects: &effects)
    }
  }

  private func perform(
    _ request: ExtendedRequest, on session: any Session
  ) async throws(SQLError) -> ConnectionMachine.Completion {
    switch request {
    case .parse(let name, let sql, let parameterTypes):
      try await session.parse(name: name, sql: sql, parameterTypes: parameterTypes)
      return .parse
    case .bind(let bind):
      try await session.bind(
        portal: bind.portal, statement: bind.statement, parameters: bind.parameters,
        parameterFormats: bind.parameterFormats, resultFormats: bind.resultFormats)
      return .bind
    case .describe(.statement(let name)): return .describeStatement(try await session.describe(statement: name))
    case .describe(.portal(let name)): return .describePortal(try await session.describe(portal: name))
    case .execute(let portal, let maxRows):
      return .execute(try await session.execute(portal: portal, maxRows: maxRows, sink: self))
    case .close(.statement(let name)):
      await session.close(statement: name)
      return .close
    case .close(.portal(let name)):
      await session.close(portal: name)
      return .close
    }
  }

  private func sync() async {
    guard let session else { return }
    do {
      try await session.sync()
      machine.finished(.sync, effects: &effects)
    } catch {
      machine.syncFailed(error, effects: &effects)
    }
  }

  private func reportReady() async {
    guard let session else { return }
    send(.readyForQuery(await session.transactionStatus))
    flushSoon()
  }

  private func cancel(_ key: CancelKey) {
    counters.cancelRequests += 1
    if services.cancelKeys.isOwn(key) { services.cancelKeys.cancel(key) } else { services.forwardCancel(key) }
  }
}

// MARK: - Startup

extension ClientConnection {
  /// Until the first ReadyForQuery, or the end.
  private func serveStartup() async {
    while !isOver, !isAuthenticated {
      guard let packet = await nextStartupPacket() else { return }
      machine.received(packet, bytesBehind: decoder.bufferedBytes, effects: &effects)
      await carryOut()
    }
  }

  private func authenticate(_ request: StartupRequest) async {
    guard socket.peer.isLoopback else {
      // Until passwords are asked for, only this machine's own users may come in.
      let error = SQLError(
        "28000", "connections from other hosts are not accepted",
        hint: "Connect over the loopback interface of the node's machine.")
      return machine.ended(error, effects: &effects)
    }
    let refusal = services.admit { [host = socket.peer.host] in $0.authenticate(from: host) }
    if let refusal {
      counters.connectionsRefused += 1
      return machine.ended(refusal, effects: &effects)
    }
    isAuthenticated = true
    machine.authenticated(effects: &effects)
    await makeSession(request)
  }

  private func makeSession(_ request: StartupRequest) async {
    let secret = UInt32(truncatingIfNeeded: services.random.next() >> 32)
    guard let key = services.cancelKeys.reserve(secret: secret) else {
      return machine.ended(SQLError(.tooManyConnections, "sorry, too many clients already"), effects: &effects)
    }
    self.key = key
    do {
      let session = try await services.factory.makeSession(
        user: request.user, database: request.database, settings: request.settings.map { ($0.name, $0.value) },
        processID: key.processID, loop: loop)
      self.session = session
      services.cancelKeys.attach(session, to: key)
      machine.started(key: key, reportedSettings: await session.reportedSettings(), effects: &effects)
    } catch {
      machine.ended(error, effects: &effects)
    }
  }
}
