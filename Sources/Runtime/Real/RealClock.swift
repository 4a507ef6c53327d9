#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The operating system's clocks.
package struct RealClock: Clock {
  /// Added to the wall clock, in microseconds: lets a test give one process a wrong clock.
  package var wallSkewMicroseconds: Int64

  package init(wallSkewMicroseconds: Int64 = 0) {
    self.wallSkewMicroseconds = wallSkewMicroseconds
  }

  package func monotonicNanoseconds() -> UInt64 {
    let time = read(CLOCK_MONOTONIC)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  package func wallMicroseconds() -> UInt64 {
    let time = read(CLOCK_REALTIME)
    let micros = Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec / 1000)
    return UInt64(max(0, micros &+ wallSkewMicroseconds))
  }

  private func read(_ clock: clockid_t) -> timespec {
    var time = timespec()
    // These two clocks exist everywhere and the pointer is good, so the call cannot fail.
    let result = clock_gettime(clock, &time)
    precondition(result == 0, "clock_gettime failed with errno \(errno)")
    return time
  }
}

/// The operating system's source of randomness.
package struct RealRandom: RandomSource {
  package init() {}

  package func next() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}
