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
      return .done(result)
    } catch {
      run.failed(with: error)
      if !connection.isUsable { giveUp() }
      return error.outcomeIsUnknown ? .unknown(error) : .failed(error)
    }
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
    connection = nil
    next += 1
    usleep(20_000)
  }
}
