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

  /// How long an answer may take that is expected.
  private static let patienceSeconds = 15.0
  /// How long a step is watched that is expected to wait.
  private static let watchSeconds = 0.4

  /// Runs the steps at one level.
  /// - Parameter expected: the transcript to hold on to: what it says will be answered is waited for, and what it says
  ///   will wait is watched for a moment. Nil to find out.
  func run(at level: String, on target: PostgresConnection.Target, expected: [String]?) throws -> [String] {
    let first = try PostgresConnection(target)
    for statement in setup { try first.execute(statement) }
    var sessions: [String: ScriptedSession] = [:]
    for step in steps where sessions[step.session] == nil {
      sessions[step.session] = ScriptedSession(step.session, target)
    }
    defer { for session in sessions.values { session.end() } }

    var transcript: [String] = []
    var waiting: [ScriptedSession] = []
    func isExpected(_ line: String) -> Bool {
      expected.map { $0.count > transcript.count && $0[transcript.count] == line } ?? true
    }
    for step in steps {
      guard let session = sessions[step.session] else { continue }
      if waiting.contains(where: { $0 === session }) {
        transcript.append("\(step.session) has no answer yet: the script cannot go on")
        return transcript
      }
      let statement = step.statement == "BEGIN" ? "BEGIN ISOLATION LEVEL \(level)" : step.statement
      transcript.append("\(step.session): \(step.statement)")
      session.send(statement)
      let patience = isExpected("  waits") ? Self.watchSeconds : Self.patienceSeconds
      if let answer = session.answer(within: patience) {
        transcript += answer.map { "  " + $0 }
      } else {
        transcript.append("  waits")
        waiting.append(session)
      }
      for other in waiting where other !== session {
        let isDue = expected.map { $0.count > transcript.count && $0[transcript.count].hasPrefix("  \(other.name): ") }
        guard let answer = other.answer(within: isDue == true ? Self.patienceSeconds : Self.watchSeconds) else {
          continue
        }
        transcript += answer.map { "  \(other.name): \($0)" }
        waiting.removeAll { $0 === other }
      }
    }
    return transcript
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
