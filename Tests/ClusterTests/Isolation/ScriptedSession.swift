import Foundation
import PostgresClient

/// A session on a thread of its own, so that a statement which waits for a lock stops nobody but itself.
final class ScriptedSession: @unchecked Sendable {
  // `@unchecked`: everything that changes is touched only under `condition`; the connection belongs to the thread.
  private let condition = NSCondition()
  private var statement: String?
  private var answer: [String]?
  private var isOver = false
  private var process: Int32?

  let name: String

  init(_ name: String, _ target: PostgresConnection.Target) {
    self.name = name
    let thread = Thread { [self] in
      do {
        let connection = try PostgresConnection(target)
        let process = try connection.execute("SELECT pg_backend_pid()").rows.first?.first.flatMap { $0 }
        condition.withLock { self.process = process.flatMap { Int32($0) } }
        while let statement = nextStatement() { say(Self.transcript(connection, statement)) }
      } catch {
        while nextStatement() != nil { say(["no connection: \(error)"]) }
      }
    }
    thread.start()
  }

  /// The server's process of this session, once it is connected.
  var processID: Int32? { condition.withLock { process } }

  /// Sends a statement. The one before must have been answered.
  func send(_ sql: String) {
    condition.withLock {
      answer = nil
      statement = sql
      condition.broadcast()
    }
  }

  /// The answer to the last statement, or nil if it has not come by the deadline.
  func answer(within seconds: Double) -> [String]? {
    let deadline = Date(timeIntervalSinceNow: seconds)
    return condition.withLock {
      while answer == nil, condition.wait(until: deadline) {}
      return answer
    }
  }

  func end() {
    condition.withLock {
      isOver = true
      condition.broadcast()
    }
  }

  private func nextStatement() -> String? {
    condition.withLock {
      while statement == nil, !isOver { condition.wait() }
      defer { statement = nil }
      return isOver ? nil : statement
    }
  }

  private func say(_ lines: [String]) {
    condition.withLock {
      answer = lines
      condition.broadcast()
    }
  }

  /// Rows as values between bars, then the command tag; of an error what the SQL standard and a driver care about.
  private static func transcript(_ connection: PostgresConnection, _ sql: String) -> [String] {
    do throws(PostgresError) {
      let result = try connection.execute(sql, timeout: .seconds(30))
      return result.rows.map { row in row.map { $0 ?? "∅" }.joined(separator: "|") } + [result.commandTag]
    } catch {
      return ["ERROR: \(error.sqlState ?? "no answer"): \(error.message)"]
    }
  }
}
