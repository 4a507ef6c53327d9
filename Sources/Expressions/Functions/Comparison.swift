import Glibc
import Values

/// One of the six comparisons, under its operator's name.
enum ComparisonOperation: String, Sendable, CaseIterable {
  case equal = "="
  case notEqual = "<>"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="

  /// Whether it holds for operands that compare so (negative, 0, positive).
  @inline(__always)
  func holds(_ order: Int) -> Bool {
    switch self {
    case .equal: order == 0
    case .notEqual: order != 0
    case .less: order < 0
    case .lessOrEqual: order <= 0
    case .greater: order > 0
    case .greaterOrEqual: order >= 0
    }
  }

  var negated: ComparisonOperation {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .less: .greaterOrEqual
    case .lessOrEqual: .greater
    case .greater: .lessOrEqual
    case .greaterOrEqual: .less
    }
  }

  /// The same over swapped operands.
  var commuted: ComparisonOperation {
    switch self {
    case .equal, .notEqual: self
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    }
  }
}

/// How two values of the operator's types are put in order.
enum Comparator: Sendable {
  case boolean
  /// Integers of any widths, and oids.
  case integer
  case float
  case numeric
  /// By bytes, as in the collation "C".
  case text
  /// `character(n)`: trailing blanks do not count.
  case paddedText
  case bytes
  /// Two values of one date or time type.
  case instant
  case dateAndTimestamp
  /// A timestamp with time zone against one without, or a date: taken in the session's zone.
  case zoned
  /// Two values of one type, by the type's own order.
  case other

  /// Negative, 0 or positive. Neither operand is NULL.
  func compare(_ a: Datum, _ b: Datum, _ context: EvaluationContext) throws(SQLError) -> Int {
    switch self {
    case .boolean:
      let (x, y) = (try a.boolean(), try b.boolean())
      return x == y ? 0 : x ? 1 : -1
    case .integer: return order(try a.integer(), try b.integer())
    case .float: return orderFloats(try a.double(), try b.double())
    case .numeric: return Numeric.compare(try a.numeric(), try b.numeric())
    case .text: return compareBytes(try a.string(), try b.string())
    case .paddedText: return compareBytes(try a.string().withoutTrailingBlanks, try b.string().withoutTrailingBlanks)
    case .bytes: return compareBytes(try a.byteArray(), try b.byteArray())
    case .instant: return order(try a.instant(), try b.instant())
    case .dateAndTimestamp: return order(try a.localTimestamp(), try b.localTimestamp())
    case .zoned: return order(try a.zonedTimestamp(context), try b.zonedTimestamp(context))
    case .other:
      return Datum.compare(a, b)
    }
  }
}

/// NaN is equal to itself and greater than all else.
func orderFloats(_ a: Double, _ b: Double) -> Int {
  if a < b { return -1 }
  if a > b { return 1 }
  if a == b { return 0 }
  return a.isNaN ? (b.isNaN ? 0 : 1) : -1
}

@inline(__always)
func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }

/// Strings by their UTF-8 bytes. (`==` on `String` is canonical equivalence: a different relation.)
func compareBytes(_ a: String, _ b: String) -> Int {
  if let order = a.utf8.withContiguousStorageIfAvailable({ a in
    b.utf8.withContiguousStorageIfAvailable { b in compareBuffers(a, b) }
  }), let order {
    return order
  }
  return compareBytes(Array(a.utf8), Array(b.utf8))
}

func compareBytes(_ a: [UInt8], _ b: [UInt8]) -> Int {
  a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { b in compareBuffers(a, b) } }
}

private func compareBuffers(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
  let common = min(a.count, b.count)
  if common > 0, let aStart = a.baseAddress, let bStart = b.baseAddress {
    let order = memcmp(aStart, bStart, common)
    if order != 0 { return Int(order) }
  }
  return a.count - b.count
}

func equalBytes(_ a: String, _ b: String) -> Bool { a.utf8.count == b.utf8.count && compareBytes(a, b) == 0 }

extension Datum {
  /// A date or time value as the count that it is held in.
  func instant() throws(SQLError) -> Int64 {
    switch self {
    case .date(let days): return Int64(days)
    case .time(let value), .timestamp(let value), .timestampTZ(let value): return value
    default: throw Datum.mismatch("timestamp")
    }
  }

  /// A date or timestamp as a timestamp; a date beyond a timestamp's range counts as infinite.
  func localTimestamp() throws(SQLError) -> Int64 {
    switch self {
    case .timestamp(let value): return value
    case .date(let days): return (try? DateTime.timestamp(fromDate: days)) ?? (days < 0 ? .min : .max)
    default: throw Datum.mismatch("timestamp")
    }
  }

  func zonedTimestamp(_ context: EvaluationContext) throws(SQLError) -> Int64 {
    if case .timestampTZ(let value) = self { return value }
    let local = try localTimestamp()
    return (try? DateTime.instant(fromLocal: local, zone: context.settings.timeZone)) ?? (local < 0 ? .min : .max)
  }
}

extension FunctionCatalog.Tables {
  /// The six comparisons of two types, in the order of `ComparisonOperation.allCases`.
  private mutating func comparisons(
    _ left: TypeKind, _ right: TypeKind, _ comparator: Comparator, operators: [UInt32], functions: [UInt32]
  ) {
    for (operation, (oid, function)) in zip(ComparisonOperation.allCases, zip(operators, functions)) {
      let volatility: Volatility = if case .zoned = comparator { .stable } else { .immutable }
      add(
        BuiltinFunction(
          id: FunctionID(function), name: "compare_\(left)_\(right)_\(operation)", argumentTypes: [left, right],
          isVariadic: false, returnType: .boolean, isStrict: true, volatility: volatility,
          implementation: .comparison(operation, comparator)))
      operate(operation.rawValue, left, right, oid: oid, function: function)
    }
  }

  mutating func defineComparisons() {
    comparisons(
      .boolean, .boolean, .boolean, operators: [91, 85, 58, 1694, 59, 1695],
      functions: [60, 84, 56, 1691, 57, 1692])
    comparisons(
      .bytea, .bytea, .bytes, operators: [1955, 1956, 1957, 1958, 1959, 1960],
      functions: [1948, 1953, 1949, 1950, 1951, 1952])
    comparisons(
      .name, .name, .text, operators: [93, 643, 660, 661, 662, 663],
      functions: [62, 659, 655, 656, 657, 658])
    comparisons(
      .name, .text, .text, operators: [254, 259, 255, 256, 258, 257],
      functions: [240, 245, 241, 242, 244, 243])
    comparisons(
      .int8, .int8, .integer, operators: [410, 411, 412, 414, 413, 415],
      functions: [467, 468, 469, 471, 470, 472])
    comparisons(
      .int8, .int2, .integer, operators: [1868, 1869, 1870, 1872, 1871, 1873],
      functions: [1856, 1857, 1858, 1860, 1859, 1861])
    comparisons(
      .int8, .int4, .integer, operators: [416, 417, 418, 420, 419, 430],
      functions: [474, 475, 476, 478, 477, 479])
    comparisons(
      .int2, .int8, .integer, operators: [1862, 1863, 1864, 1866, 1865, 1867],
      functions: [1850, 1851, 1852, 1854, 1853, 1855])
    comparisons(
      .int2, .int2, .integer, operators: [94, 519, 95, 522, 520, 524],
      functions: [63, 145, 64, 148, 146, 151])
    comparisons(
      .int2, .int4, .integer, operators: [532, 538, 534, 540, 536, 542],
      functions: [158, 164, 160, 166, 162, 168])
    comparisons(
      .int4, .int8, .integer, operators: [15, 36, 37, 80, 76, 82],
      functions: [852, 853, 854, 856, 855, 857])
    comparisons(
      .int4, .int2, .integer, operators: [533, 539, 535, 541, 537, 543],
      functions: [159, 165, 161, 167, 163, 169])
    comparisons(
      .int4, .int4, .integer, operators: [96, 518, 97, 523, 521, 525],
      functions: [65, 144, 66, 149, 147, 150])
    comparisons(
      .text, .name, .text, operators: [260, 265, 261, 262, 264, 263],
      functions: [247, 252, 248, 249, 251, 250])
    comparisons(
      .text, .text, .text, operators: [98, 531, 664, 665, 666, 667],
      functions: [67, 157, 740, 741, 742, 743])
    comparisons(
      .oid, .oid, .integer, operators: [607, 608, 609, 611, 610, 612],
      functions: [184, 185, 716, 717, 1638, 1639])
    comparisons(
      .float4, .float4, .float, operators: [620, 621, 622, 624, 623, 625],
      functions: [287, 288, 289, 290, 291, 292])
    comparisons(
      .float4, .float8, .float, operators: [1120, 1121, 1122, 1124, 1123, 1125],
      functions: [299, 300, 301, 302, 303, 304])
    comparisons(
      .float8, .float4, .float, operators: [1130, 1131, 1132, 1134, 1133, 1135],
      functions: [305, 306, 307, 308, 309, 310])
    comparisons(
      .float8, .float8, .float, operators: [670, 671, 672, 673, 674, 675],
      functions: [293, 294, 295, 296, 297, 298])
    comparisons(
      .char, .char, .paddedText, operators: [1054, 1057, 1058, 1059, 1060, 1061],
      functions: [1048, 1053, 1049, 1050, 1051, 1052])
    comparisons(
      .date, .date, .instant, operators: [1093, 1094, 1095, 1096, 1097, 1098],
      functions: [1086, 1091, 1087, 1088, 1089, 1090])
    comparisons(
      .date, .timestamp, .dateAndTimestamp, operators: [2347, 2350, 2345, 2346, 2349, 2348],
      functions: [2340, 2343, 2338, 2339, 2341, 2342])
    comparisons(
      .date, .timestampTZ, .zoned, operators: [2360, 2363, 2358, 2359, 2362, 2361],
      functions: [2353, 2356, 2351, 2352, 2354, 2355])
    comparisons(
      .time, .time, .instant, operators: [1108, 1109, 1110, 1111, 1112, 1113],
      functions: [1145, 1106, 1102, 1103, 1104, 1105])
    comparisons(
      .timestamp, .date, .dateAndTimestamp, operators: [2373, 2376, 2371, 2372, 2375, 2374],
      functions: [2366, 2369, 2364, 2365, 2367, 2368])
    comparisons(
      .timestamp, .timestamp, .instant, operators: [2060, 2061, 2062, 2063, 2064, 2065],
      functions: [2052, 2053, 2054, 2055, 2057, 2056])
    comparisons(
      .timestamp, .timestampTZ, .zoned, operators: [2536, 2539, 2534, 2535, 2538, 2537],
      functions: [2522, 2525, 2520, 2521, 2523, 2524])
    comparisons(
      .timestampTZ, .date, .zoned, operators: [2386, 2389, 2384, 2385, 2388, 2387],
      functions: [2379, 2382, 2377, 2378, 2380, 2381])
    comparisons(
      .timestampTZ, .timestamp, .zoned, operators: [2542, 2545, 2540, 2541, 2544, 2543],
      functions: [2529, 2532, 2527, 2528, 2530, 2531])
    comparisons(
      .timestampTZ, .timestampTZ, .instant, operators: [1320, 1321, 1322, 1323, 1324, 1325],
      functions: [1152, 1153, 1154, 1155, 1157, 1156])
    comparisons(
      .interval, .interval, .other, operators: [1330, 1331, 1332, 1333, 1334, 1335],
      functions: [1162, 1163, 1164, 1165, 1167, 1166])
    comparisons(
      .numeric, .numeric, .numeric, operators: [1752, 1753, 1754, 1755, 1756, 1757],
      functions: [1718, 1719, 1722, 1723, 1720, 1721])
    comparisons(
      .uuid, .uuid, .other, operators: [2972, 2973, 2974, 2976, 2975, 2977],
      functions: [2956, 2959, 2954, 2955, 2958, 2957])
    comparisons(
      .jsonb, .jsonb, .other, operators: [3240, 3241, 3242, 3244, 3243, 3245],
      functions: [4043, 4038, 4039, 4041, 4040, 4042])
  }
}
