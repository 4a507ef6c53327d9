import Foundation
import NIOCore
import Testing

/// The transcript of one connection: what the client sends (`>`) and what the server answers (`<`).
///
/// Consecutive `>` lines arrive in one piece. `< --` stands where the server flushed in between, `< closed` where it
/// closed. The answers are compared as they stand here, and again with the client's bytes cut at other places.
/// `REWRITE_SCRIPTS=1` writes what the server answers into the source of the test instead.
/// - Parameters:
///   - isStarted: whether the client has been through startup already.
///   - isCut: whether the answers are the same however the client's bytes are cut.
func expectScript(
  isStarted: Bool = true, isCut: Bool = true, _ script: String, file: String = #filePath,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func play(_ script: String, showFlushes: Bool, pieceBytes: () -> Int = { .max }) -> String {
    PostgresWireTests.play(script, isStarted: isStarted, showFlushes: showFlushes, pieceBytes: pieceBytes)
  }
  let actual = play(script, showFlushes: true)
  if ProcessInfo.processInfo.environment["REWRITE_SCRIPTS"] != nil {
    rewrite(script, as: actual, in: file)
    return
  }
  #expect(actual == script, sourceLocation: sourceLocation)
  if !isCut { return }
  let plain = play(script, showFlushes: false)
  #expect(play(script, showFlushes: false, pieceBytes: { 1 }) == plain, "byte by byte", sourceLocation: sourceLocation)
  for seed in 1...20 as ClosedRange<UInt64> {
    var generator = SeededGenerator(seed: seed)
    let cut = play(script, showFlushes: false, pieceBytes: { Int.random(in: 1...40, using: &generator) })
    #expect(cut == plain, "pieces of seed \(seed)", sourceLocation: sourceLocation)
  }
}

private func play(_ script: String, isStarted: Bool, showFlushes: Bool, pieceBytes: () -> Int) -> String {
  let wire = TestWire()
  if isStarted { wire.start() }
  var transcript: [String] = []
  var pending: [String] = []
  var isClosed = false
  func step() {
    if pending.isEmpty { return }
    wire.send(ClientText.bytes(ofAll: pending.map { String($0.dropFirst(2)) }), pieceBytes: pieceBytes)
    transcript += pending
    transcript += wire.answers(showFlushes: showFlushes).map { "< \($0)" }
    if wire.socket.isClosed, !isClosed { transcript.append("< closed") }
    isClosed = wire.socket.isClosed
    pending = []
  }
  for line in script.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
    if line.hasPrefix("> ") {
      pending.append(line)
    } else {
      step()
      if !line.hasPrefix("<") { transcript.append(line) }
    }
  }
  step()
  return transcript.joined(separator: "\n")
}

private let sourceLock = NSLock()

private func rewrite(_ script: String, as actual: String, in file: String) {
  func indented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "      \($0)" }
      .joined(separator: "\n")
  }
  sourceLock.withLock {
    guard let source = try? String(contentsOfFile: file, encoding: .utf8) else { return }
    try? source.replacing(indented(script), with: indented(actual)).write(
      toFile: file, atomically: true, encoding: .utf8)
  }
}
