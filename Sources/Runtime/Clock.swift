/// The node's clocks. Code outside `Runtime` reads time here and nowhere else.
package protocol Clock: Sendable {
  /// Nanoseconds on a clock that never goes back and does not follow wall-clock changes. The zero is arbitrary.
  func monotonicNanoseconds() -> UInt64
  /// Microseconds since the Unix epoch, as the operating system believes; may jump.
  func wallMicroseconds() -> UInt64
}
