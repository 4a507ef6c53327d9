import Foundation
import Synchronization

/// What the shell writes to: standard output for results, standard error for messages.
enum Terminal {
  /// Whether a person sits at both ends.
  static var isInteractive: Bool { isatty(0) == 1 && isatty(1) == 1 }

  static func write(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }

  static func complain(_ text: String) {
    fflush(nil)
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}

/// Ctrl-C while a statement runs.
enum Interrupt {
  private static let isWanted = Atomic<Bool>(false)

  /// From now on SIGINT does not end the process but is remembered for ``take()``.
  static func listen() {
    // Touched once here: the handler must not be the one that makes it.
    isWanted.store(false, ordering: .relaxed)
    signal(SIGINT) { _ in Interrupt.isWanted.store(true, ordering: .relaxed) }
    // Whoever started this process may have blocked the signal.
    letThrough()
  }

  /// Keeps the signal back from this thread, the only one, until ``letThrough()``.
  static func hold() { mask(Int32(SIG_BLOCK)) }

  static func letThrough() { mask(Int32(SIG_UNBLOCK)) }

  private static func mask(_ how: Int32) {
    var interrupt = sigset_t()
    sigemptyset(&interrupt)
    sigaddset(&interrupt, SIGINT)
    pthread_sigmask(how, &interrupt, nil)
  }

  /// Whether SIGINT came since the last call.
  static func take() -> Bool { isWanted.exchange(false, ordering: .relaxed) }
}
