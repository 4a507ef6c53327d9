import Foundation
import PostgresClient

/// Steps of several sessions, and what each level makes of them.
///
/// ```
/// # What it is about.
/// CREATE TABLE …                     statements before every run
/// steps
/// a: BEGIN                           "session: statement"; BEGIN gets the level
/// b: UPDATE …
/// at READ COMMITTED                  the transcript at this level
/// b: UPDATE …
///   waits                            what the step answered …
/// a: COMMIT
///   COMMIT
///   b: UPDATE 1                      … and what it let go on
/// at REPEATABLE READ                 what PostgreSQL says
/// at REPEATABLE READ on Apus         what Apus says where it may do better
/// ```
struct IsolationScript {
  struct Step {
    var session: String
    var statement: String
  }

  var head: [String] = []
  var setup: [String] = []
  var steps: [Step] = []
  /// The levels in the file's order, with their transcripts.
  var transcripts: [(level: String, text: [String])] = []

  init(_ text: String) {
    enum Part { case setup, steps, transcript }
    var part = Part.setup
    for line in text.split(separator: "\n").map(String.init) {
      if line == "steps" {
        part = .steps
      } else if line.hasPrefix("at ") {
        part = .transcript
        transcripts.append((String(line.dropFirst(3)), []))
      } else {
        switch part {
        case .setup: if line.hasPrefix("#") { head.append(line) } else { setup.append(line) }
        case .steps:
          let halves = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
          if halves.count == 2 { steps.append(Step(session: halves[0], statement: halves[1])) }
        case .transcript: transcripts[transcripts.count - 1].text.append(line)
        }
      }
    }
  }

  /// The file again.
  var text: String {
    let steps = steps.map { "\($0.session): \($0.statement)" }
    let blocks = [head + setup, ["steps"] + steps] + transcripts.map { ["at \($0.level)"] + $0.text }
    return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  // MARK: Running

  /// The suffix of a level's transcript that holds for Apus alone.
  static let ownSuffix = " on Apus"

  /// How long an answer may take that is expected, and how long until a session is seen to wait.
  private static let patienceSeconds = 15.0
  /// How long others are watched that may go on, where nobody knows whether they will.
  private static let watchSeconds = 0.4

  /// Runs the steps at one level, each session on another node.
  /// - Parameter expected: the transcript to hold on to: what it says will be answered is waited for. Nil to find out.
  func run(at level: String, on targets: [PostgresConnection.Target], expected: [String]?) throws -> [String] {
    let first = try PostgresConnection(targets[0])
    for statement in setup { try first.execute(statement) }
    var sessions: [String: ScriptedSession] = [:]
    for step in steps where sessions[step.session] == nil {
      sessions[step.session] = ScriptedSession(step.session, targets[sessions.count % targets.count])
    }
    defer { for session in sessions.values { session.end() } }
    let level = level.replacingOccurrences(of: Self.ownSuffix, with: "")

    var transcript: [String] = []
    var waiting: [ScriptedSession] = []
    for step in steps {
      guard let session = sessions[step.session] else { continue }
      if waiting.contains(where: { $0 === session }) {
        transcript.append("\(step.session) has no answer yet: the script cannot go on")
        return transcript
      }
      let statement = step.statement == "BEGIN" ? "BEGIN ISOLATION LEVEL \(level)" : step.statement
      transcript.append("\(step.session): \(step.statement)")
      session.send(statement)
      // A moment's wait, as for a commit that is on its way to a row, is none where an answer is expected.
      let mayWait = expected.map { $0.count > transcript.count && $0[transcript.count] == "  waits" } ?? true
      if let answer = try mayWait
        ? answer(of: session, watchedBy: first) : session.answer(within: Self.patienceSeconds)
      {
        transcript += answer.map { "  " + $0 }
      } else {
        transcript.append("  waits")
        waiting.append(session)
      }
      for other in waiting where other !== session {
        let isDue = expected.map { $0.count > transcript.count && $0[transcript.count].hasPrefix("  \(other.name): ") }
        // One that goes on too early is seen at the next step at the latest.
        let patience = isDue.map { $0 ? Self.patienceSeconds : 0 } ?? Self.watchSeconds
        guard let answer = other.answer(within: patience) else { continue }
        transcript += answer.map { "  \(other.name): \($0)" }
        waiting.removeAll { $0 === other }
      }
    }
    return transcript
  }

  /// What a session says to its statement; nil once the server says that it waits for a lock.
  private func answer(of session: ScriptedSession, watchedBy other: PostgresConnection) throws -> [String]? {
    let deadline = ContinuousClock.now + .seconds(Self.patienceSeconds)
    repeat {
      if let answer = session.answer(within: 0.02) { return answer }
      guard let process = session.processID else { continue }
      let waits = try other.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = \(process) AND wait_event_type = 'Lock'")
      // It may have waited for a moment only, and gone on since.
      if waits.rows == [["1"]] { return session.answer(within: 0.1) }
    } while ContinuousClock.now < deadline
    return nil
  }

  /// A transcript without what a serialization failure leaves open: which statement of the transaction it strikes, and what
  /// the transaction read before.
  static func withoutFailedTransactions(_ transcript: [String]) -> [String] {
    func session(_ line: String, _ current: String) -> String {
      guard line.hasPrefix("  ") else { return String(line.prefix { $0 != ":" }) }
      // "  b: UPDATE 1" is the answer of another session than the one whose step it stands under.
      let parts = line.dropFirst(2).split(separator: ":", maxSplits: 1)
      return parts.count == 2 && parts[0].count == 1 ? String(parts[0]) : current
    }
    func owners(_ lines: [String]) -> [String] {
      var current = ""
      return lines.map { line in
        let owner = session(line, current)
        if !line.hasPrefix("  ") { current = owner }
        return owner
      }
    }
    let names = owners(transcript)
    let failed = Set(zip(transcript, names).filter { $0.0.contains("ERROR: 40001") }.map(\.1))
    let kept = zip(transcript, names).filter { !failed.contains($0.1) }.map(\.0)
    return kept + failed.sorted().map { "\($0) could not be serialized" }
  }
}
