import Foundation
import PostgresClient
import Testing
import Workload

extension ClusterTests {
  /// Bytes that no good client sends.
  static func hostileBytes(_ generator: inout SeededGenerator) -> [(name: String, bytes: [UInt8])] {
    func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    let clientHello: [UInt8] =
      [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03] + noise(32) + [0x20] + noise(464)
    let startup = Wire.startup()
    return [
      ("nothing", []), ("one byte", [0]), ("noise", noise(4096)), ("much noise", noise(300_000)),
      ("zeros", [UInt8](repeating: 0, count: 65536)), ("ones", [UInt8](repeating: 0xFF, count: 65536)),
      ("an HTTP request", Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)), ("a TLS hello", clientHello),
      ("a startup of 4 GiB", Wire.integer(0xFFFF_FFFF) + Wire.integer(196_608)),
      ("a startup of 2 GiB", Wire.integer(0x7FFF_FFFF) + Wire.integer(196_608)),
      ("a startup of length 0", Wire.integer(0) + Wire.integer(196_608)),
      ("a startup without an end", Wire.integer(64) + Wire.integer(196_608) + Array("user".utf8)),
      (
        "a startup with broken text",
        Wire.integer(20) + Wire.integer(196_608) + [0xFF, 0xFE, 0, 0xC0, 0x80, 0, 0, 0, 0, 0, 0, 0]
      ),
      ("protocol 99", Wire.integer(8) + Wire.integer(99 << 16)),
      ("a cancel of nobody", Wire.integer(16) + Wire.integer(80_877_102) + noise(8)),
      ("a message of 4 GiB", startup + [0x51] + Wire.integer(0xFFFF_FFFF) + noise(100)),
      ("a message of length 0", startup + [0x51] + Wire.integer(0)),
      ("a message of no type", startup + [0x00] + Wire.integer(4)),
      ("a query without an end", startup + Wire.message("Q", Array("select 1".utf8))),
      (
        "a query of broken text",
        startup + Wire.message("Q", Array("select '".utf8) + [0xFF, 0xC0, 0x80] + Array("'\0".utf8))
      ),
      ("a bind of 65535 formats", startup + Wire.message("B", [0, 0, 0xFF, 0xFF] + noise(20))),
      ("a bind of a negative length", startup + Wire.message("B", [0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0])),
      ("a parse of 65535 types", startup + Wire.message("P", [0] + Array("select 1\0".utf8) + [0xFF, 0xFF])),
      ("copy data out of nowhere", startup + Wire.message("d", noise(1000)) + Wire.message("c", [])),
      (
        "an execute of nothing",
        startup + Wire.message("E", Array("nothing\0".utf8) + Wire.integer(0)) + Wire.message("S", [])
      ),
      ("noise after a good start", startup + noise(20_000)),
    ]
  }

  @Test("Hostile bytes on any port harm nobody")
  func hostileBytes() throws {
    let cluster = try SharedCluster.running()
    let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)
    var generator = SeededGenerator(seed: seed)
    let processes = (1...3).map { cluster.processID(of: $0) }
    for (name, bytes) in Self.hostileBytes(&generator) {
      for port in [cluster.sqlPort, cluster.sqlPort + 2000, cluster.sqlPort + 3000] {
        let socket = try Wire.Socket(port: port)
        socket.send(bytes)
        socket.finishSending()
        // A node closes at once, or answers and closes; no more of it is asked here.
        _ = socket.receive()
        #expect(cluster.isRunning(1), "\(name) on port \(port) ended the node; SEED=\(seed)")
      }
    }
    #expect((1...3).map { cluster.processID(of: $0) } == processes)
    for target in cluster.targets { #expect(try PostgresConnection(target).execute("SELECT 1").rows == [["1"]]) }
  }

  @Test("Hostile statements get an error, and the session goes on")
  func hostileStatements() throws {
    let cluster = try SharedCluster.running()
    let deep = 100_000
    let statements = [
      "SELECT " + String(repeating: "(", count: deep) + "1" + String(repeating: ")", count: deep),
      "SELECT " + String(repeating: "(", count: deep),
      "SELECT 1" + String(repeating: "+1", count: deep),
      "SELECT " + String(repeating: "NOT ", count: deep) + "true",
      "SELECT " + String(repeating: "-", count: 3) + "1" + String(repeating: " OR true", count: deep),
      "SELECT " + String(repeating: "CASE WHEN true THEN ", count: 20_000) + "1",
      "SELECT '" + String(repeating: "[", count: deep) + "'::jsonb",
      "SELECT " + String(repeating: "9", count: 200_000),
      "SELECT 1e999999999", "SELECT repeat('x', 2000000000)", "SELECT 9223372036854775807 + 1",
      "SELECT -9223372036854775808 / -1", "SELECT 1 / 0", "SELECT 'x'::bytea", "SELECT '\u{FFFD}' LIKE '%\\'",
      "CREATE TABLE \"" + String(repeating: "x", count: 10_000) + "\" (id bigint PRIMARY KEY)",
      "SELECT \u{1}", "SELEC", "'", "$$", "/*", "SELECT $1", "COMMIT; ROLLBACK; nothing",
    ]
    let processes = (1...3).map { cluster.processID(of: $0) }
    var connection = try PostgresConnection(cluster.targets[0])
    for statement in statements {
      do throws(PostgresError) {
        try connection.execute(statement, timeout: .seconds(20))
      } catch {
        #expect(error.sqlState != nil, "\(statement.prefix(60))… got no answer: \(error)")
        #expect(error.sqlState != "XX000", "\(statement.prefix(60))… got \(error)")
      }
      #expect(cluster.isRunning(1), "\(statement.prefix(60))… ended the node")
      if !connection.isUsable { connection = try PostgresConnection(cluster.targets[0]) }
    }
    #expect((1...3).map { cluster.processID(of: $0) } == processes)
    #expect(try connection.execute("SELECT 1").rows == [["1"]])
  }
}
