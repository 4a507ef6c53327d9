import NIOCore
import Runtime
import SQL
import Values

// Carrying out what the machine decided, and asking the session.

extension ClientConnection {
  /// Carries out `effects` in order, with what follows from the session's answers.
  func carryOut() async {
    var index = 0
    while index < effects.count {
      let effect = effects[index]
      index += 1
      // Each call of an async function costs a look at the task's executor, so only those that may wait are.
      switch effect {
      case .send(let message): send(message)
      case .sendByte(let byte): out.writeInteger(byte)
      case .flush: flushSoon()
      case .cancel(let key): cancel(key)
      case .close: close()
      case .authenticate(let request): await authenticate(request)
      case .query(let sql): await query(sql)
      case .request(let request): await answer(request)
      case .sync: await sync()
      case .ready: await reportReady()
      case .copyBytes, .copyEnd, .copyFail: break  // only while a statement pulls them: see `copyData`
      }
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
      let completion: ConnectionMachine.Completion
      switch request {
      case .parse(let name, let sql, let parameterTypes):
        try await session.parse(name: name, sql: sql, parameterTypes: parameterTypes)
        completion = .parse
      case .bind(let bind):
        try await session.bind(
          portal: bind.portal, statement: bind.statement, parameters: bind.parameters,
          parameterFormats: bind.parameterFormats, resultFormats: bind.resultFormats)
        completion = .bind
      case .describe(.statement(let name)):
        completion = .describeStatement(try await session.describe(statement: name))
      case .describe(.portal(let name)):
        completion = .describePortal(try await session.describe(portal: name))
      case .execute(let portal, let maxRows):
        completion = .execute(
          try await session.execute(
            portal: portal, maxRows: maxRows, syncFollows: decoder.isSyncNext, sink: self))
      case .close(.statement(let name)):
        await session.close(statement: name)
        completion = .close
      case .close(.portal(let name)):
        await session.close(portal: name)
        completion = .close
      }
      machine.finished(completion, effects: &effects)
    } catch {
      machine.failed(error, effects: &effects)
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
    let readiness = await session.ready()
    for changed in readiness.changedSettings { send(.parameterStatus(name: changed.name, value: changed.value)) }
    send(.readyForQuery(readiness.status))
    flushSoon()
    if let limit = readiness.idleLimit { limitIdleness(limit) }
  }

  private func cancel(_ key: CancelKey) {
    counters.cancelRequests += 1
    if services.cancelKeys.isOwn(key) { services.cancelKeys.cancel(key) } else { services.forwardCancel(key) }
  }
}

// MARK: - Startup

extension ClientConnection {
  /// Until the first ReadyForQuery, or the end.
  func serveStartup() async {
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
      await session.attach(
        SessionClient(address: socket.peer.host.isEmpty ? nil : socket.peer.host) { [weak self, loop] error in
          guard let self else { return }
          loop.execute { self.assumeIsolated { $0.end(error, urgently: true) } }
        })
      machine.started(key: key, reportedSettings: await session.reportedSettings(), effects: &effects)
    } catch {
      machine.ended(error, effects: &effects)
    }
  }
}
