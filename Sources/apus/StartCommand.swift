import ArgumentParser
import Foundation
import Logging
import Node
import NodeCore

/// `apus start`: runs one node in the foreground until SIGTERM or SIGINT.
struct StartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Run one node, in the foreground.",
    discussion: """
      Settings come from a YAML file, the environment and --set, each stronger than the one before. In the environment a \
      setting is APUS_ and its name in upper case.

      Settings:
      \(NodeConfiguration.flagHelp.map { "  \($0.name): \($0.help)" }.joined(separator: "\n"))
      """)

  @Option(name: .long, help: "A YAML file with settings.")
  var config: String?

  @Option(name: .long, help: ArgumentHelp("One setting; may be given again.", valueName: "name=value"))
  var set: [String] = []

  @Flag(name: .long, help: "Check the settings, print them and exit.")
  var check = false

  func run() async throws {
    let configuration = try load()
    if check {
      print(
        "the settings are good; node \(configuration.node) would serve SQL on \(configuration.sqlHost):\(configuration.sqlPort)"
      )
      return
    }
    let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = level
      return handler
    }
    FileLimit.raise()
    var logger = Logger(label: "apus")
    logger[metadataKey: "node"] = "\(configuration.node)"
    let directory = URL(fileURLWithPath: configuration.dataDirectory).standardizedFileURL.path
    do {
      let node = try await ApusNode.start(configuration, absoluteDataDirectory: directory, logger: logger)
      await TerminationSignal.wait()
      logger.notice("stopping")
      await node.stop()
    } catch let error as NodeStartError {
      throw CleanExit.failure("error: \(error)")
    } catch {
      throw CleanExit.failure("error: the node cannot start: \(error)")
    }
  }

  private func load() throws -> NodeConfiguration {
    var file: (name: String, text: String)?
    if let config {
      do {
        file = (config, try String(contentsOfFile: config, encoding: .utf8))
      } catch {
        throw ValidationError("\(config) cannot be read: \(error.localizedDescription)")
      }
    }
    var flags: [String: String] = [:]
    let known = Set(NodeConfiguration.flagHelp.map(\.name))
    for item in set {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { throw ValidationError("--set \(item): name=value is expected") }
      let name = String(pair[0].replacing("-", with: "_"))
      guard known.contains(name) else {
        throw ValidationError("--set \(item): there is no setting \"\(name)\"; see apus help start")
      }
      flags[name] = String(pair[1])
    }
    do {
      return try NodeConfiguration.load(file: file, environment: ProcessInfo.processInfo.environment, flags: flags)
    } catch {
      throw ValidationError("\(error)")
    }
  }
}

/// A message for standard error and exit status 1, without the usage text.
enum CleanExit {
  static func failure(_ message: String) -> ExitCode {
    FileHandle.standardError.write(Data((message + "\n").utf8))
    return .failure
  }
}
