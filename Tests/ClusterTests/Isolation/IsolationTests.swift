import Foundation
import PostgresClient
import Testing

extension ClusterTests {
  /// The anomalies of Adya (2000) and of Berenson et al. ("A critique of ANSI SQL isolation levels", 1995) as steps of two
  /// to four SQL sessions on different nodes, after the cases of the Hermitage suite. What is expected, waits included, is
  /// what PostgreSQL 15 says.
  ///
  /// Where a level stands a second time, "on Apus", the two differ by one rule: the first statement of a block that loses
  /// against another transaction runs again on a new snapshot, for nothing of the old one was shown; PostgreSQL says 40001.
  /// Such a script has a twin, "… after a read", where the snapshot was shown and 40001 must come.
  ///
  /// `APUS_ISOLATION_TARGET=host:port:user:database` runs them on any server; with `APUS_REWRITE_SCRIPTS=1` what it says
  /// goes into the files: what PostgreSQL says, and of Apus the texts of its own.
  @Suite("Isolation levels")
  struct IsolationTests {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Scripts")
    static let scripts =
      ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { $0.hasSuffix(".txt") }
      .sorted()

    @Test("Sessions get in each other's way as their levels say", arguments: scripts)
    func script(_ name: String) throws {
      let targets = try IsolationTarget.chosen()
      let url = Self.directory.appendingPathComponent(name)
      var script = IsolationScript(try String(contentsOf: url, encoding: .utf8))
      #expect(!script.steps.isEmpty && !script.transcripts.isEmpty, "\(name) has no steps or no levels")
      let isRewriting = ProcessInfo.processInfo.environment["APUS_REWRITE_SCRIPTS"] != nil
      let own = Set(script.transcripts.map(\.level).filter { $0.hasSuffix(IsolationScript.ownSuffix) })
      for (number, (level, expected)) in script.transcripts.enumerated() {
        if IsolationTarget.isApus ? own.contains(level + IsolationScript.ownSuffix) : own.contains(level) { continue }
        let said = try script.run(at: level, on: targets, expected: isRewriting ? nil : expected)
        if isRewriting {
          // PostgreSQL says what is expected, and Apus only where it has a text of its own.
          guard IsolationTarget.isApus == own.contains(level) else { continue }
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
}
