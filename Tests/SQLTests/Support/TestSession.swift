import Operations
import Runtime
import SQL
import Synchronization
import Values

/// A clock that stands still, so that transcripts do not change.
struct TestClock: Clock {
  func monotonicNanoseconds() -> UInt64 { 1_000_000 }
  func wallMicroseconds() -> UInt64 { 1_700_000_000_000_000 }
}

/// Numbers from a seed (SplitMix64).
final class SeededSource: RandomSource {
  private let state: Mutex<UInt64>
  init(_ seed: UInt64) { state = Mutex(seed) }
  func next() -> UInt64 {
    state.withLock { state in
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }
}

/// A session on a cluster in memory, and what it said.
struct TestSession {
  let plane: MemoryDataPlane
  let session: any Session

  init(plane: MemoryDataPlane, session: any Session) {
    self.plane = plane
    self.session = session
  }

  init(plane: MemoryDataPlane = MemoryDataPlane(), limits: SessionLimits = SessionLimits()) async throws {
    self.plane = plane
    let loop = TestLoop()
    let factory = SQLSessionFactory(dataPlane: plane, clock: TestClock(), random: SeededSource(1), limits: limits)
    session = try await factory.makeSession(
      user: "tester", database: "apus", settings: [], processID: 42, loop: loop)
  }

  /// Runs a simple query and gives its transcript.
  func transcript(_ sql: String, copyInput: [[UInt8]] = []) async -> String {
    let sink = TranscriptSink(copyInput: copyInput)
    do {
      try await session.simpleQuery(sql, sink: sink)
    } catch {
      sink.add(error, severity: "ERROR")
    }
    let readiness = await session.ready()
    for changed in readiness.changedSettings { sink.add("PARAMETER: \(changed.name) = \(changed.value)") }
    switch readiness.status {
    case .idle: break
    case .inBlock: sink.add("(in a block)")
    case .failed: sink.add("(in a failed block)")
    }
    // What an open transaction has made of the catalog shows there before its rows do.
    if readiness.status == .idle { for fault in plane.indexFaults() { sink.add("FAULT: \(fault)") } }
    return sink.text
  }
}

extension Session {
  /// An Execute that a Sync follows, as drivers without pipelines send it.
  func execute(portal: String, maxRows: Int, sink: any ResultSink) async throws(SQLError) -> ExecuteOutcome {
    try await execute(portal: portal, maxRows: maxRows, syncFollows: true, sink: sink)
  }
}

/// Writes down what comes, as psql would show it without alignment.
final class TranscriptSink: ResultSink {
  private let lines = Mutex<[String]>([])
  private let input: Mutex<[[UInt8]]>
  private let rowCount = Mutex(0)

  init(copyInput: [[UInt8]] = []) { input = Mutex(copyInput) }

  var text: String { lines.withLock { $0.joined(separator: "\n") } }
  var rowsSeen: Int { rowCount.withLock { $0 } }
  /// An empty line would end the transcript.
  func add(_ line: String) { lines.withLock { $0.append(line.isEmpty ? "(nothing)" : line) } }

  func add(_ error: SQLError, severity: String) {
    add("\(severity): \(error.state.code): \(error.message)")
    if let position = error.position { add("POSITION: \(position)") }
    if let detail = error.detail { add("DETAIL: \(detail)") }
    if let hint = error.hint { add("HINT: \(hint)") }
    if let context = error.context { add("CONTEXT: \(context)") }
  }

  func columns(_ columns: [ResultColumn]) async throws(SQLError) {
    add(columns.map { "\($0.name):\(TypeCatalog.format($0.type))" }.joined(separator: "|"))
  }
  func rows(_ rows: [Row], columns: [ResultColumn], settings: FormatSettings) async throws(SQLError) {
    rowCount.withLock { $0 += rows.count }
    for row in rows {
      add(
        zip(row, columns).map { value, column in
          value.isNull ? "∅" : TextFormat.text(value, as: column.type, settings: settings)
        }.joined(separator: "|"))
    }
  }
  func complete(tag: String) async throws(SQLError) { add(tag) }
  func emptyQuery() async throws(SQLError) { add("(empty)") }
  func notice(_ notice: SQLError, severity: NoticeSeverity) async throws(SQLError) {
    add(notice, severity: severity.rawValue)
  }
  func parameterStatus(name: String, value: String) async throws(SQLError) { add("PARAMETER: \(name) = \(value)") }
  func copyInBegin(format: DataFormat, columnCount: Int) async throws(SQLError) { add("COPY IN \(columnCount)") }
  func copyData() async throws(SQLError) -> [UInt8]? { input.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
  func copyOutBegin(format: DataFormat, columnCount: Int) async throws(SQLError) { add("COPY OUT \(columnCount)") }
  func copyOut(_ bytes: [UInt8], rowEnds: [Int]) async throws(SQLError) {
    var text = String(decoding: bytes, as: UTF8.self)
    if text.hasSuffix("\n") { text.removeLast() }
    add(text)
  }
  func copyOutEnd() async throws(SQLError) { add("COPY END") }
}
