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
