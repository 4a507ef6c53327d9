import Checkers
import Foundation
import PostgresClient

/// One client of a workload: a session with one of the nodes, and another node's when that one fails.
final class WorkloadClient {
  enum Outcome {
    /// The server said that it happened.
    case done(PostgresResult)
    /// The server said that it did not happen.
    case failed(PostgresError)
    /// It may have happened, may still, or never will.
    case unknown(PostgresError)
    /// It was never sent.
    case notSent
  }

  let number: Int
  private let run: WorkloadRun
  private var connection: PostgresConnection?
  private var next: Int
  /// Answers of the present session.
  private var answers = 0

  init(number: Int, run: WorkloadRun) {
    self.number = number
    self.run = run
    next = number
  }

  /// Runs one statement. The time before the call and after it enclose the moment when it took effect, if it is `.done`.
  func execute(_ sql: String, _ parameters: [String?] = []) -> Outcome {
    guard let connection = connected() else { return .notSent }
    do throws(PostgresError) {
      let result = try connection.execute(sql, parameters, timeout: run.options.statementTimeout)
      run.succeeded(client: number)
      answers += 1
      // Nodes that come back are used again, and what one session wrote is soon read in another node's.
      if answers >= Self.answersPerSession { moveOn() }
      return .done(result)
    } catch {
      run.failed(with: error)
      if !connection.isUsable { giveUp() }
      return error.outcomeIsUnknown ? .unknown(error) : .failed(error)
    }
  }

  /// What a client knows of the end of a block.
  enum Ending {
    case committed
    /// It did not happen: a statement failed before COMMIT was sent, or the server refused it.
    case aborted
    case unknown
  }

  typealias Execute = (String) throws(PostgresError) -> PostgresResult

  /// Runs statements between BEGIN and COMMIT, on one session. A statement that fails ends the block with ROLLBACK.
  func block(_ level: IsolationLevel, _ body: (Execute) throws(PostgresError) -> Void) -> Ending {
    guard let connection = connected() else { return .aborted }
    let timeout = run.options.statementTimeout
    do throws(PostgresError) {
      try connection.execute("BEGIN ISOLATION LEVEL \(level.sql)", timeout: timeout)
      try body { sql throws(PostgresError) in try connection.execute(sql, timeout: timeout) }
    } catch {
      run.failed(with: error)
      // Without COMMIT nothing happens, whatever became of the session.
      if connection.isUsable { _ = try? connection.execute("ROLLBACK", timeout: timeout) }
      if !connection.isUsable { giveUp() }
      return .aborted
    }
    do throws(PostgresError) {
      let isCommitted = try connection.execute("COMMIT", timeout: timeout).commandTag == "COMMIT"
      run.succeeded(client: number)
      answers += 1
      if answers >= Self.answersPerSession { moveOn() }
      return isCommitted ? .committed : .aborted
    } catch {
      run.failed(with: error)
      if !connection.isUsable { giveUp() }
      return error.outcomeIsUnknown ? .unknown : .aborted
    }
  }

  private static let answersPerSession = 100

  private func moveOn() {
    connection = nil
    answers = 0
    next += 1
  }

  private func connected() -> PostgresConnection? {
    if let connection { return connection }
    let targets = run.options.targets
    do throws(PostgresError) {
      connection = try PostgresConnection(targets[next % targets.count], timeoutSeconds: 2)
    } catch {
      run.failed(with: error)
      giveUp()
    }
    return connection
  }

  /// Goes on with another node, a little later: a node that refuses does so at once.
  private func giveUp() {
    moveOn()
    usleep(20_000)
  }
}
