import Foundation
import Testing

/// The rules of the house that a machine can check.
@Suite("The repository")
struct RepositoryTests {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  struct File: Sendable, CustomStringConvertible {
    var path: String
    var text: String
    var description: String { path }
  }

  static func files(under folder: String, ending: String = ".swift") -> [File] {
    guard
      let walker = FileManager.default.enumerator(
        at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
    else { return [] }
    var files: [File] = []
    for case let url as URL in walker where url.lastPathComponent.hasSuffix(ending) {
      guard let text = try? String(contentsOf: url, encoding: .utf8) else { continue }
      files.append(File(path: String(url.path.dropFirst(root.path.count + 1)), text: text))
    }
    return files.sorted { $0.path < $1.path }
  }

  /// The floor of each target, as `Package.swift` has them: `// Floor N` stands above the targets of floor N.
  static func floors() throws -> [String: Int] {
    let manifest = try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
    var floors: [String: Int] = [:]
    var floor: Int?
    let target = try Regex(
      #"(?:\.target|\.systemLibrary|\.executableTarget)\(\s*name: "(\w+)""#, as: (Substring, Substring).self)
    for part in manifest.components(separatedBy: "// Floor ").dropFirst() {
      floor = Int(part.prefix { $0.isNumber })
      for match in part.matches(of: target) { floors[String(match.output.1)] = floor }
    }
    return floors
  }

  @Test("imports go down only")
  func importsGoDown() throws {
    let floors = try Self.floors()
    #expect(floors.count > 20, "the floors of Package.swift were not found")
    for file in Self.files(under: "Sources") {
      let own = file.path.split(separator: "/")[1]
      let ownFloor = try #require(floors[String(own)], "\(own) has no floor in Package.swift")
      for line in file.text.split(separator: "\n")
      where line.hasPrefix("import ") || line.hasPrefix("@preconcurrency import ") {
        guard let name = line.split(separator: " ").last.map(String.init), let floor = floors[name] else { continue }
        #expect(floor < ownFloor, "\(file.path) is on floor \(ownFloor) and imports \(name) of floor \(floor)")
      }
    }
  }

  /// What would reach past `Runtime` to the world's clock, randomness, tasks or sockets.
  static let forbidden = [
    "Task.sleep", "Date()", "Date.now", "SystemRandomNumberGenerator", "Task.detached", "DispatchQueue",
    "clock_gettime",
    "gettimeofday", "ContinuousClock", "SuspendingClock", "UUID()", ".random(in:", "Thread.sleep", "usleep(",
  ]

  /// Whether the code has the name, not as the end of a longer one (`parseDate()` is not `Date()`).
  static func mentions(_ code: String, _ name: String) -> Bool {
    var rest = code[...]
    while let found = rest.range(of: name) {
      let before = found.lowerBound > code.startIndex ? code[code.index(before: found.lowerBound)] : " "
      if !before.isLetter && !before.isNumber && before != "_" { return true }
      rest = rest[found.upperBound...]
    }
    return false
  }

  /// Shells at the rim, which no simulation runs: the executable, the client programs that talk to real clusters, and the
  /// real half of `Runtime`.
  static func isRim(_ path: String) -> Bool {
    ["apus", "PostgresClient", "Shell", "Workload", "Runtime/Real"].contains { path.hasPrefix("Sources/\($0)/") }
  }

  @Test("time, chance and tasks come from Runtime")
  func worldOnlyThroughRuntime() {
    for file in Self.files(under: "Sources") where !Self.isRim(file.path) {
      for (number, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let code = line.components(separatedBy: "//")[0]
        for name in Self.forbidden where Self.mentions(code, name) {
          Issue.record("\(file.path):\(number + 1) uses \(name); take it from Runtime")
        }
      }
    }
  }

  @Test("tests wait for conditions, they do not sleep")
  func testsDoNotSleep() {
    // Other processes can only be asked again and again: `ClusterTests` polls for its conditions, with a pause.
    for file in Self.files(under: "Tests")
    where !file.path.hasPrefix("Tests/RepositoryTests") && !file.path.hasPrefix("Tests/ClusterTests") {
      for name in ["Task.sleep", "Thread.sleep", "usleep("] {
        #expect(!Self.mentions(file.text, name), "\(file.path) sleeps")
      }
    }
  }

  @Test("files end with one newline and have no tabs or trailing blanks")
  func fileEndings() {
    for file in Self.files(under: "Sources") + Self.files(under: "Tests") {
      #expect(file.text.hasSuffix("\n") && !file.text.hasSuffix("\n\n"), "\(file.path) does not end with one newline")
      #expect(!file.text.contains("\t"), "\(file.path) has tabs")
      // Expected output in tests may have such blanks: PostgreSQL's does.
      if file.path.hasPrefix("Sources/") {
        #expect(!file.text.contains(" \n"), "\(file.path) has blanks at the end of a line")
      }
    }
  }

  @Test("every module has a page")
  func pages() throws {
    for (name, _) in try Self.floors() where !name.hasPrefix("C") || name == "Coding" {
      if name == "apus" { continue }
      let page = Self.root.appendingPathComponent("Sources/\(name)/\(name).docc/\(name).md")
      #expect(FileManager.default.fileExists(atPath: page.path), "\(name) has no page")
    }
  }

  @Test("nothing is left unfinished in the sources")
  func unfinished() {
    for file in Self.files(under: "Sources") {
      for word in ["TODO", "FIXME", "XXX:", "HACK", "try!", "fatalError("] {
        #expect(!file.text.contains(word), "\(file.path) has \(word)")
      }
    }
  }

  @Test("the top level holds what it should")
  func topLevel() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.root.path).filter { !$0.hasPrefix(".") }
    let allowed: Set = ["Package.swift", "Package.resolved", "README.md", "Sources", "Tests", "cluster", "tools"]
    #expect(Set(names).subtracting(allowed).isEmpty)
  }
}
