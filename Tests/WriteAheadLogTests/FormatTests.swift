import Testing
import WriteAheadLog

@Suite("The bytes on disk")
struct FormatTests {
  /// The worked example of the module's page. If this fails, the format has changed: old logs cannot be read any more.
  @Test("A log with one entry, byte by byte")
  func workedExample() async throws {
    let bench = Bench(logID: 0x0102_0304_0506_0708)
    let log = try await bench.open().log
    log.appendNow(.entries(group: 300, [LogEntry(index: 1, term: 2, payload: Array("hi".utf8))]))
    let bytes = try #require(bench.disk.images["/log/0000000000000001.wal"])
    let header =
      "41 50 55 53 57 41 4c 31 08 07 06 05 04 03 02 01 01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 3c 6d e8 d3"
    let restatement = "41 50 57 4c 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 88 94 e8 bc"
    let head = "41 50 57 4c 02 00 00 00 00 00 00 00 08 00 00 00 06 00 00 00 e0 f3 34 36"
    let table = "01 ac 02 06 a3 a7 ff 74"
    let body = "01 01 02 02 68 69"
    #expect(hex(bytes) == [header, restatement, head, table, body].joined(separator: " "))
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined(separator: " ")
  }
}
