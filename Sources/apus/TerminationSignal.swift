import Foundation

/// Waits for the operator's or the supervisor's wish that the process ends.
enum TerminationSignal {
  /// Returns at the first SIGTERM or SIGINT. A second one ends the process at once.
  static func wait() async {
    let signals = AsyncStream<Void> { continuation in
      for number in [SIGTERM, SIGINT] {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
          continuation.yield()
          signal(number, SIG_DFL)
        }
        source.resume()
        continuation.onTermination = { _ in source.cancel() }
      }
    }
    for await _ in signals { return }
  }
}
