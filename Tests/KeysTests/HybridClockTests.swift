import Keys
import Synchronization
import Testing

/// A wall clock that a test sets.
private final class Wall: Sendable {
  private let microseconds: Mutex<UInt64>
  init(_ start: UInt64) { microseconds = Mutex(start) }
  func set(_ value: UInt64) { microseconds.withLock { $0 = value } }
  var now: UInt64 { microseconds.withLock { $0 } }
}

@Suite struct HybridClockTests {
  private func clock(_ wall: Wall, skew: UInt64 = 500_000) -> HybridClock {
    HybridClock(maxSkewMicroseconds: skew) { wall.now }
  }

  @Test("Every time is greater than the one before, also while the wall clock stands or goes back")
  func timesRise() {
    let wall = Wall(1_000_000)
    let clock = clock(wall)
    var last = clock.now()
    #expect(last == HybridTime(microseconds: 1_000_000))
    for step in 0..<10_000 {
      if step == 5_000 { wall.set(900_000) }
      let time = clock.now()
      #expect(time > last)
      last = time
    }
    // The counter has carried into the microseconds: 10,000 steps are 2 of them and some.
    #expect(last == HybridTime(microseconds: 1_000_002, logical: 10_000 - 2 * 4_096))
    wall.set(2_000_000)
    #expect(clock.now() == HybridTime(microseconds: 2_000_000))
  }

  @Test("A received time moves the clock behind it")
  func observing() throws {
    let clock = clock(Wall(1_000_000))
    let received = HybridTime(microseconds: 1_400_000, logical: 7)
    try clock.observe(received)
    #expect(clock.latest() == received)
    #expect(clock.now() == received.next)
    try clock.observe(HybridTime(microseconds: 5))
    #expect(clock.now() == received.next.next)
  }

  @Test("A time too far ahead is refused and leaves the clock alone")
  func skew() {
    let clock = clock(Wall(1_000_000))
    #expect(throws: HybridClock.Skewed.self) { try clock.observe(HybridTime(microseconds: 1_500_001)) }
    #expect(clock.latest() == HybridTime(microseconds: 1_000_000))
    #expect(throws: Never.self) { try clock.observe(HybridTime(microseconds: 1_500_000)) }
  }

  @Test("What was accepted does not widen what is accepted")
  func dragging() throws {
    let clock = clock(Wall(1_000_000))
    try clock.observe(HybridTime(microseconds: 1_400_000))
    #expect(throws: HybridClock.Skewed.self) { try clock.observe(HybridTime(microseconds: 1_800_000)) }
    clock.raise(to: HybridTime(microseconds: 9_000_000))
    #expect(throws: HybridClock.Skewed.self) { try clock.observe(HybridTime(microseconds: 9_000_000)) }
  }

  @Test("Nodes whose clocks are set back together still understand each other")
  func setBack() throws {
    let walls = [Wall(10_000_000), Wall(10_400_000)]
    let clocks = walls.map { clock($0) }
    for clock in clocks { _ = clock.now() }
    for wall in walls { wall.set(wall.now - 3_000_000) }
    for _ in 0..<3 {
      try clocks[0].observe(clocks[1].now())
      try clocks[1].observe(clocks[0].now())
    }
    #expect(clocks[0].latest().microseconds == 10_400_000)
    #expect(clocks[0].wallLagMicroseconds == 3_400_000)
    walls[0].set(10_500_000)
    #expect(clocks[0].wallLagMicroseconds == 0)
  }

  @Test("A node that nobody asked while its clock was set back has not gone back either")
  func setBackUnseen() {
    let (wall, monotonic) = (Wall(10_000_000), Wall(0))
    let clock = HybridClock(maxSkewMicroseconds: 500_000) {
      wall.now
    } monotonic: {
      monotonic.now
    }
    #expect(clock.latest().microseconds == 10_000_000)
    // Four seconds later, the wall clock set back by three.
    wall.set(11_000_000)
    monotonic.set(4_000_000_000)
    #expect(clock.latest().microseconds == 13_960_000)
    // From then on it counts as it is.
    wall.set(12_000_000)
    monotonic.set(5_000_000_000)
    #expect(clock.latest().microseconds == 13_960_000)
  }

  @Test("After a restart it goes on behind what the disk has, also if the wall clock was set back")
  func restoring() throws {
    let clock = clock(Wall(1_000_000))
    clock.restore(HybridTime(microseconds: 4_000_000, logical: 5))
    #expect(clock.now() == HybridTime(microseconds: 4_000_000, logical: 6))
    #expect(clock.wallLagMicroseconds == 3_000_000)
    try clock.observe(HybridTime(microseconds: 4_500_000))
    #expect(throws: HybridClock.Skewed.self) { try clock.observe(HybridTime(microseconds: 4_500_001)) }
  }

  @Test("Arithmetic stays inside of 64 bits")
  func edges() {
    #expect(HybridTime.max.next == .max)
    #expect(HybridTime.zero.previous == .zero)
    #expect(HybridTime.max.adding(microseconds: 1) == .max)
    #expect(HybridTime(microseconds: 3, logical: 4_095).next == HybridTime(microseconds: 4))
    #expect(HybridTime(microseconds: 3, logical: 9).adding(microseconds: 2) == HybridTime(microseconds: 5, logical: 9))
  }
}
