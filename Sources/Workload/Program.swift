import Foundation

/// Runs a program until it ends.
///
/// By `posix_spawn`, not Foundation's `Process`: on Linux that one sees a program's end only when every process that the
/// program left behind has ended too, and the cluster's scripts leave the nodes behind.
package enum Program {
  package struct Output: Sendable {
    package var status: Int32
    /// Standard output and standard error, as they came.
    package var text: String
  }

  package struct SpawnError: Error, CustomStringConvertible {
    package var program: String
    package var code: Int32
    package var description: String { "\(program) cannot be run: \(String(cString: strerror(code)))" }
  }

  /// - Parameters:
  ///   - variables: of the environment, in addition to this process's own.
  ///   - input: given on standard input.
  package static func run(
    _ program: String, _ arguments: [String], _ variables: [String: String] = [:], input: String = ""
  ) throws -> Output {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files, not pipes: whoever is left behind may hold them without anyone waiting for it.
    let (inputFile, outputFile) = (folder.appendingPathComponent("in").path, folder.appendingPathComponent("out").path)
    try Data(input.utf8).write(to: URL(fileURLWithPath: inputFile))

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, inputFile, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    for descriptor in Int32(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }

    // A thread of a pool has its signals blocked, and the program would inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    let environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }.map { "\($0.key)=\($0.value)" }
    let words = ([program] + arguments).map { strdup($0) } + [nil]
    let settings = environment.map { strdup($0) } + [nil]
    defer { (words + settings).forEach { free($0) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, &attributes, words, settings)
    guard code == 0 else { throw SpawnError(program: program, code: code) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    let data = FileManager.default.contents(atPath: outputFile) ?? Data()
    // As a shell has it: the exit status, or 128 and the signal.
    let exit = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
    return Output(status: exit, text: String(decoding: data, as: UTF8.self))
  }
}
