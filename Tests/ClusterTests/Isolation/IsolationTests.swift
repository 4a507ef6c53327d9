import Foundation
import PostgresClient
import Testing

/// The anomalies of Adya (2000) and of Berenson et al. ("A critique of ANSI SQL isolation levels", 1995) as steps of two to four
/// SQL sessions, after the cases of the Hermitage suite. What is expected, waits included, is what PostgreSQL 15 says.
///
/// `APUS_ISOLATION_TARGET=cluster` runs them on a cluster of our own, `host:port:user:database` on any server;
/// with `APUS_REWRITE_SCRIPTS=1` what it says goes into the files.
@Suite("Isolation levels", .serialized, .enabled(if: IsolationTarget.isChosen))
struct IsolationTests {
  static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Scripts")
  static let scripts =
    ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { $0.hasSuffix(".txt") }
    .sorted()

  @Test("Sessions get in each other's way as their levels say", arguments: scripts)
  func script(_ name: String) throws {
    let target = try IsolationTarget.chosen()
    let url = Self.directory.appendingPathComponent(name)
    var script = IsolationScript(try String(contentsOf: url, encoding: .utf8))
    #expect(!script.steps.isEmpty && !script.transcripts.isEmpty, "\(name) has no steps or no levels")
    let isRewriting = ProcessInfo.processInfo.environment["APUS_REWRITE_SCRIPTS"] != nil
    for (number, (level, expected)) in script.transcripts.enumerated() {
      let said = try script.run(at: level, on: target, expected: isRewriting ? nil : expected)
      if isRewriting {
        script.transcripts[number].text = said
      } else if level == "SERIALIZABLE" {
        // A database may find out earlier or later than PostgreSQL that it must refuse, but must refuse the same ones.
        let (said, expected) = (
          IsolationScript.withoutFailedTransactions(said), IsolationScript.withoutFailedTransactions(expected)
        )
        #expect(said == expected, "\(name) at \(level)")
      } else {
        #expect(said == expected, "\(name) at \(level)")
      }
    }
    if isRewriting { try script.text.write(to: url, atomically: true, encoding: .utf8) }
  }
}
