import Foundation

/// Every tablet keeps about six files open, and every client a socket: the usual soft limit of 1,024 is soon reached.
enum FileLimit {
  /// Raises the soft limit of open files to the hard limit. What the system refuses stays as it was.
  static func raise() {
    var limit = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = min(limit.rlim_max, 1_048_576)
    _ = setrlimit(kind, &limit)
  }
}
