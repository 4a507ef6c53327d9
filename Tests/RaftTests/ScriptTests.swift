import Foundation
import Testing

/// Transcripts of clusters. A file in `Scripts` is a list of blocks: commands, a line `----`, and what they print.
/// `REWRITE=1` writes down what they print now; review it as a diff.
@Suite("Scripts")
struct ScriptTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scripts")

  @Test(
    "The transcript is as written",
    arguments: [
      "pre-vote", "check-quorum", "remove-leader", "joint", "lagging-commit", "slow-follower",
      "figure-8", "transfer", "transfer-late", "learner", "fresh-reads", "lost-append", "restart-promise",
    ])
  func transcript(name: String) throws {
    let file = ScriptTests.folder.appending(path: "\(name).txt")
    let text = try String(contentsOf: file, encoding: .utf8)
    var cluster = ScriptCluster()
    var blocks: [String] = []
    for block in text.components(separatedBy: "\n\n") {
      let lines = block.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
      let input = lines.prefix { $0 != "----" }
      var printed: [String] = []
      for line in input where !line.hasPrefix("#") {
        let output = try cluster.run(line)
        if !output.isEmpty { printed.append(output) }
      }
      let isComment = input.allSatisfy { $0.hasPrefix("#") }
      blocks.append((input + (isComment ? [] : ["----"] + printed)).joined(separator: "\n"))
    }
    let result = blocks.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    if ProcessInfo.processInfo.environment["REWRITE"] != nil {
      try result.write(to: file, atomically: true, encoding: .utf8)
    } else {
      #expect(result == text, "\(name): run with REWRITE=1 and review the difference")
    }
  }
}
