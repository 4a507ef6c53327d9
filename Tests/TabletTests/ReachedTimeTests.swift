import Keys
import Raft
import Runtime
import Tablet
import Testing
import WriteAheadLog

@Suite("The time that a node has on disk")
struct ReachedTimeTests {
  @Test("is that of the newest write in the log, or what was saved when the log let go")
  func latest() throws {
    let world = SimulatedWorld(seed: 1)
    let files = world.makeRuntime(node: 1).files
    let reached = try ReachedTime(directory: "/", files: files)
    #expect(reached.latest(with: LogRecovery()) == .zero)
    #expect(reached.latest(with: log([[3, 5], []])) == time(5))
    #expect(reached.latest(with: log([[3, 5], [9]])) == time(9))
    try reached.save(time(7))
    try reached.save(time(4))
    let again = try ReachedTime(directory: "/", files: files)
    #expect(again.latest(with: log([[3, 5]])) == time(7))
    #expect(again.latest(with: log([[8]])) == time(8))
    withExtendedLifetime(world) {}
  }

  private func time(_ seconds: UInt64) -> HybridTime { HybridTime(microseconds: seconds * 1_000_000) }

  /// - Parameter groups: the times of the writes of each. Behind them is what elections leave.
  private func log(_ groups: [[UInt64]]) -> LogRecovery {
    var log = LogRecovery()
    for (number, times) in groups.enumerated() {
      let commands = times.map { seconds in
        LogCommand(
          writes: [
            LoggedWrite(id: LoggedWrite.nobody, floor: 0, time: time(seconds), result: [], effect: .write([]))
          ])
      }
      var group = RecoveredGroup()
      for (index, payload) in (commands.map { EntryPayload.command($0.encoded()) } + [.empty]).enumerated() {
        let position = LogPosition(term: Term(1), index: LogIndex(UInt64(index + 1)))
        let entry = Entry(position: position, payload: payload)
        group.entries.append(LogEntry(index: position.index.raw, term: 1, payload: entry.encoded()))
      }
      log.groups[UInt64(number + 1)] = group
    }
    return log
  }
}
