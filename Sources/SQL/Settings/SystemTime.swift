import Keys
import Values

/// The times that `AS OF SYSTEM TIME` takes, as in CockroachDB: an interval into the past (`-10s`), a timestamp, or a
/// hybrid time as this database shows it: microseconds since the Unix epoch, a point, and the logical part.
enum SystemTime {
  /// - Parameter now: microseconds since 2000-01-01 UTC.
  /// - Throws: 22023 for what is none of these, or lies in the future.
  static func parse(_ text: String, now: Int64, settings: FormatSettings) throws(SQLError) -> HybridTime {
    let trimmed = text.trimmingBlanks
    let time =
      hybridTime(trimmed) ?? ago(trimmed, now: now, settings) ?? timestamp(trimmed, now: now, settings)
    guard let time else {
      throw SQLError(
        .invalidParameterValue, "AS OF SYSTEM TIME: \"\(text)\" is not a time",
        hint: "Use an interval such as '-10s', a timestamp, or a hybrid time.")
    }
    guard time.microseconds <= unixMicroseconds(now) ?? 0 else {
      throw SQLError(.invalidParameterValue, "AS OF SYSTEM TIME: \"\(text)\" is in the future")
    }
    return time
  }

  private static func hybridTime(_ text: String) -> HybridTime? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let microseconds = UInt64(parts[0]), microseconds < 1 << (64 - HybridTime.logicalBits)
    else { return nil }
    guard parts.count == 2 else { return HybridTime(microseconds: microseconds) }
    guard let logical = UInt64(parts[1]), logical < 1 << HybridTime.logicalBits else { return nil }
    return HybridTime(microseconds: microseconds, logical: logical)
  }

  private static func ago(_ text: String, now: Int64, _ settings: FormatSettings) -> HybridTime? {
    guard text.hasPrefix("-"),
      case .interval(let interval)? = try? TextFormat.parse(
        String(text.dropFirst()), as: .interval, settings: settings, now: now),
      let back = try? interval.negated(), let instant = try? DateTime.add(back, to: now)
    else { return nil }
    return hybrid(instant)
  }

  private static func timestamp(_ text: String, now: Int64, _ settings: FormatSettings) -> HybridTime? {
    guard case .timestampTZ(let instant)? = try? TextFormat.parse(text, as: .timestampTZ, settings: settings, now: now)
    else { return nil }
    return hybrid(instant)
  }

  private static func hybrid(_ instant: Int64) -> HybridTime? {
    unixMicroseconds(instant).map { HybridTime(microseconds: $0) }
  }

  private static func unixMicroseconds(_ instant: Int64) -> UInt64? {
    let (sum, isOverflow) = instant.addingReportingOverflow(SQLSession.epochMicroseconds)
    guard !isOverflow, let microseconds = UInt64(exactly: sum), microseconds < 1 << (64 - HybridTime.logicalBits)
    else { return nil }
    return microseconds
  }
}
