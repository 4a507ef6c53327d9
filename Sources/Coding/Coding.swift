/// Why bytes could not be read. Bytes come from disks and networks: a reader throws, it never traps.
public enum CodingError: Error, Hashable, Sendable {
  /// The input ended before the value did.
  case truncated
  /// A length, tag or value that no writer produces; `what` names the field.
  case malformed(what: String)
}
