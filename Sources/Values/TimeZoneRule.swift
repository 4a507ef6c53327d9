import Foundation
import Synchronization

/// How local time follows from UTC: a fixed offset, or a named zone of the system's time zone database.
package struct TimeZoneRule: Hashable, Sendable {
  private enum Kind: Hashable, Sendable {
    case fixed(secondsEast: Int)
    case named(TimeZone)
  }

  /// As `SHOW timezone` gives it.
  package let name: String
  private let kind: Kind

  package static let utc = TimeZoneRule(name: "UTC", kind: .fixed(secondsEast: 0))

  private init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// A fixed offset, named as PostgreSQL names `SET TIME ZONE interval`: `<+03>-03`.
  package init(secondsEast: Int) {
    var digits: [UInt8] = []
    TextFormat.writeZoneOffset(secondsEast, into: &digits)
    var reversed: [UInt8] = []
    TextFormat.writeZoneOffset(-secondsEast, into: &reversed)
    let name = "<\(String(decoding: digits, as: UTF8.self))>\(String(decoding: reversed, as: UTF8.self))"
    self.init(name: name, kind: .fixed(secondsEast: secondsEast))
  }

  /// A zone by name in any case (`Europe/Berlin`), by abbreviation (`EST`), or as POSIX writes offsets: a name at will,
  /// then hours *west* of UTC (`UTC+3`, `-05:30`). Nil where there is none of that name.
  package init?(named text: String) {
    let lowered = text.lowercased()
    switch lowered {
    case "utc", "gmt", "z", "zulu", "etc/utc", "universal":
      self.init(name: lowered == "utc" || lowered == "z" ? "UTC" : text, kind: .fixed(secondsEast: 0))
      return
    default: break
    }
    if let identifier = TimeZoneDatabase.identifier(lowered: lowered), let zone = TimeZone(identifier: identifier) {
      self.init(name: identifier, kind: .named(zone))
    } else if let seconds = TimeZoneDatabase.abbreviations[lowered] {
      self.init(name: text.uppercased(), kind: .fixed(secondsEast: seconds))
    } else if let secondsWest = TimeZoneRule.posixOffset(text) {
      self.init(name: text, kind: .fixed(secondsEast: -secondsWest))
    } else {
      return nil
    }
  }

  /// Letters (or anything in `<>`), a sign, `h[h][:mm[:ss]]`.
  private static func posixOffset(_ text: String) -> Int? {
    var bytes = Array(text.utf8)[...]
    if bytes.first == UInt8(ascii: "<") {
      guard let close = bytes.firstIndex(of: UInt8(ascii: ">")) else { return nil }
      bytes = bytes[(close + 1)...]
    } else {
      while let first = bytes.first, first.isASCIILetter { bytes.removeFirst() }
    }
    let isNegative = bytes.first == UInt8(ascii: "-")
    if isNegative || bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
    let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count) else { return nil }
    var seconds = 0
    for (part, unit) in zip(parts, [3600, 60, 1]) {
      guard (1...3).contains(part.count), part.allSatisfy(\.isASCIIDigit) else { return nil }
      let value = part.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
      guard value <= (unit == 3600 ? 167 : 59) else { return nil }
      seconds += value * unit
    }
    return isNegative ? -seconds : seconds
  }

  /// Seconds east of UTC at an instant, given in microseconds since 2000-01-01 UTC.
  package func offset(atUTC instant: Int64) -> Int {
    switch kind {
    case .fixed(let seconds): return seconds
    case .named(let zone):
      let seconds = DateTime.floorDivide(instant, DateTime.microsecondsPerSecond)
      return zone.secondsFromGMT(for: Date(timeIntervalSinceReferenceDate: Double(seconds - 31_622_400)))
    }
  }

  /// Seconds east of UTC for a reading of the local clock.
  ///
  /// As PostgreSQL chooses: a reading that the clock skips counts by the offset before the change, one that it shows
  /// twice by the offset after it.
  package func offset(atLocal local: Int64) -> Int {
    if case .fixed(let seconds) = kind { return seconds }
    guard DateTime.timestampRange.contains(local) else { return 0 }
    let before = offset(atUTC: local - DateTime.microsecondsPerDay)
    let after = offset(atUTC: local + DateTime.microsecondsPerDay)
    if before == after { return before }
    let unit = Int64(DateTime.microsecondsPerSecond)
    return offset(atUTC: local - Int64(after) * unit) == after ? after : before
  }

  /// UTC for a local reading; nil beyond a timestamp's range. Infinities stay.
  package func utc(fromLocal local: Int64) -> Int64? {
    guard DateTime.isFinite(timestamp: local) else { return local }
    return shifted(local, by: -offset(atLocal: local))
  }

  /// The local reading of an instant; nil beyond a timestamp's range. Infinities stay.
  package func local(fromUTC instant: Int64) -> Int64? {
    guard DateTime.isFinite(timestamp: instant) else { return instant }
    return shifted(instant, by: offset(atUTC: instant))
  }

  private func shifted(_ value: Int64, by seconds: Int) -> Int64? {
    let (sum, overflow) = value.addingReportingOverflow(Int64(seconds) * DateTime.microsecondsPerSecond)
    return overflow || !DateTime.timestampRange.contains(sum) ? nil : sum
  }

  /// What the zone calls itself at an instant (`CET`), where it has letters for it.
  func abbreviation(atUTC instant: Int64) -> String? {
    switch kind {
    case .fixed: return name.utf8.allSatisfy(\.isASCIILetter) ? name : nil
    case .named(let zone):
      let seconds = DateTime.floorDivide(instant, DateTime.microsecondsPerSecond)
      let date = Date(timeIntervalSinceReferenceDate: Double(seconds - 31_622_400))
      if let known = TimeZoneDatabase.letters(of: zone, at: date) { return known }
      guard let text = zone.abbreviation(for: date), text.utf8.allSatisfy(\.isASCIILetter) else { return nil }
      return text
    }
  }
}

/// Names of zones, found regardless of case.
private enum TimeZoneDatabase {
  private static let identifiers = Mutex<[String: String]>([:])

  static func identifier(lowered: String) -> String? {
    identifiers.withLock { known in
      if known.isEmpty {
        for identifier in TimeZone.knownTimeZoneIdentifiers { known[identifier.lowercased()] = identifier }
      }
      if let identifier = known[lowered] { return identifier }
      // Old names and links, which the list leaves out, need the right case: Area/City, or capitals.
      let capitalized = lowered.split(separator: "/", omittingEmptySubsequences: false)
        .map { $0.split(separator: "_", omittingEmptySubsequences: false).map(\.capitalized).joined(separator: "_") }
        .joined(separator: "/")
      // The American zones that are named as POSIX would (`PST8PDT`).
      if lowered.utf8.contains(where: \.isASCIIDigit), lowered.utf8.count == 7, lowered.utf8.last?.isASCIILetter == true
      {
        return TimeZone(identifier: lowered.uppercased()) == nil ? nil : lowered.uppercased()
      }
      guard lowered.contains("/") else { return nil }
      let isEtc = lowered.hasPrefix("etc/")
      let identifier = isEtc ? "Etc/" + lowered.dropFirst(4).uppercased() : capitalized
      return TimeZone(identifier: identifier) != nil ? identifier : nil
    }
  }

  /// Seconds east for the abbreviations of PostgreSQL's default set that are in common use.
  static let abbreviations: [String: Int] = {
    let hours: [String: Double] = [
      "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8,
      "hst": -10, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "wet": 0, "west": 1, "cet": 1, "cest": 2, "met": 1,
      "mest": 2, "eet": 2, "eest": 3, "bst": 1, "ist": 2, "msk": 3, "msd": 4, "jst": 9, "kst": 9, "hkt": 8, "sgt": 8,
      "aest": 10, "aedt": 11, "acst": 9.5, "acdt": 10.5, "awst": 8, "nzst": 12, "nzdt": 13, "sast": 2, "eat": 3,
      "cat": 2, "wat": 1, "pkt": 5, "npt": 5.75, "brt": -3, "art": -3, "clt": -4, "cot": -5, "pet": -5, "uct": 0,
    ]
    return hours.mapValues { Int($0 * 3600) }
  }()

  private static let lettersByRegion: [String: (standard: String, daylight: String)] = [
    "Europe/Berlin": ("CET", "CEST"), "Europe/Paris": ("CET", "CEST"), "Europe/Madrid": ("CET", "CEST"),
    "Europe/Rome": ("CET", "CEST"), "Europe/Vienna": ("CET", "CEST"), "Europe/Zurich": ("CET", "CEST"),
    "Europe/London": ("GMT", "BST"), "Europe/Moscow": ("MSK", "MSD"), "Europe/Athens": ("EET", "EEST"),
    "America/New_York": ("EST", "EDT"), "America/Chicago": ("CST", "CDT"), "America/Denver": ("MST", "MDT"),
    "America/Los_Angeles": ("PST", "PDT"), "Asia/Tokyo": ("JST", "JDT"), "Australia/Sydney": ("AEST", "AEDT"),
  ]

  static func letters(of zone: TimeZone, at date: Date) -> String? {
    guard let letters = lettersByRegion[zone.identifier] else { return nil }
    return zone.isDaylightSavingTime(for: date) ? letters.daylight : letters.standard
  }
}
