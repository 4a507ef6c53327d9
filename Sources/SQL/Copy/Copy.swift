import Values

extension SQLSession {
  func runCopy(_ copy: CopySyntax, _ execution: Execution, sink: any ResultSink) async throws(SQLError) -> Int {
    throw .unsupported("COPY")
  }
}
