import Values

extension SQLSession {
  /// The rows of EXPLAIN.
  func explain(_ plan: ExplainPlan, _ executor: Executor, sink: any ResultSink) async throws(SQLError) -> [Row] {
    throw .unsupported("EXPLAIN")
  }
}
