@preconcurrency import Dispatch
import Foundation

/// Waits for the operator's or the supervisor's wish that the process ends.
enum TerminationSignal {
  /// Returns at the first SIGTERM or SIGINT. A second one ends the process at once.
  static func wait() async {
    let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
    // A source that nobody holds is gone.
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        continuation.yield()
        signal(number, SIG_DFL)
      }
      source.resume()
      return source
    }
    for await _ in signals { break }
    for source in sources { source.cancel() }
  }
}
