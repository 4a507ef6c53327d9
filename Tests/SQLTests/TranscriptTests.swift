import Foundation
import SQL
import Testing

/// Scripts of statements with what the session says to each: `Scripts/*.sql`, each statement up to a line with `----`,
/// then the transcript up to an empty line.
/// Run with `APUS_REWRITE_SCRIPTS=1` to write what is said now into the files, and review the difference.
@Suite struct TranscriptTests {
  static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scripts")
  static let scripts =
    ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { $0.hasSuffix(".sql") }
    .sorted()

  @Test("Sessions say what their transcripts say", arguments: scripts)
  func script(_ name: String) async throws {
    let url = Self.directory.appending(path: name)
    let text = try String(contentsOf: url, encoding: .utf8)
    let session = try await TestSession()
    var rewritten = ""
    for block in Script.blocks(text) {
      guard let statement = block.statement else {
        rewritten += block.comment + "\n"
        continue
      }
      let said = await session.transcript(statement, copyInput: block.input)
      if ProcessInfo.processInfo.environment["APUS_REWRITE_SCRIPTS"] == nil {
        #expect(said == block.expected, "\(name): \(statement)")
      }
      rewritten += block.source + "\n----\n" + said + "\n\n"
    }
    if ProcessInfo.processInfo.environment["APUS_REWRITE_SCRIPTS"] != nil {
      try rewritten.write(to: url, atomically: true, encoding: .utf8)
    }
  }
}

/// A script's parts.
enum Script {
  struct Block {
    /// Nil for comment lines.
    var statement: String?
    var comment = ""
    /// As it stands in the file, with the lines of COPY input, which begin with `<`.
    var source = ""
    var input: [[UInt8]] = []
    var expected = ""
  }

  static func blocks(_ text: String) -> [Block] {
    var blocks: [Block] = []
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
    while let line = lines.first {
      if line.isEmpty {
        lines.removeFirst()
        if !lines.isEmpty, blocks.last?.statement == nil { blocks.append(Block(statement: nil)) }
        continue
      }
      if line.hasPrefix("#") {
        blocks.append(Block(statement: nil, comment: String(line)))
        lines.removeFirst()
        continue
      }
      let source = lines.prefix { $0 != "----" }
      lines = lines.dropFirst(source.count + 1)
      let expected = lines.prefix { !$0.isEmpty }
      lines = lines.dropFirst(expected.count + 1)
      var block = Block(source: source.joined(separator: "\n"), expected: expected.joined(separator: "\n"))
      block.statement = source.filter { !$0.hasPrefix("<") }.joined(separator: "\n")
      block.input = source.filter { $0.hasPrefix("<") }.map { Array($0.dropFirst().utf8) + [10] }
      blocks.append(block)
    }
    return blocks
  }
}
