import NodeCore
import Runtime
import SQL
import Values

/// Lets clients in only once the node knows the cluster: before, it would deny tables that exist.
struct GatedSessions: SessionFactory {
  var core: NodeCore
  var inner: any SessionFactory

  func makeSession(
    user: String, database: String, settings: [(name: String, value: String)], processID: Int32, loop: any Loop
  ) async throws(SQLError) -> any Session {
    let readiness = core.readiness
    guard readiness.isReady else {
      throw SQLError(.cannotConnectNow, "the database system is starting up", detail: "\(readiness.reason).")
    }
    return try await inner.makeSession(
      user: user, database: database, settings: settings, processID: processID, loop: loop)
  }
}
