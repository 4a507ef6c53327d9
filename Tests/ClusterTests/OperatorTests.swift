import Foundation
import PostgresClient
import Testing
import Workload

/// What an operator gets wrong is said in a sentence, with an exit status that scripts see.
extension ClusterTests {
  /// The error of a node that was started with the settings and must not start.
  private func refusal(_ yaml: String, in directory: URL) throws -> Program.Output {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let file = directory.appendingPathComponent("apus.yaml")
    try Data(yaml.utf8).write(to: file)
    return try Program.run("/usr/bin/timeout", ["20", SharedCluster.binary.path, "start", "--config", file.path])
  }

  private func withDirectory(_ body: (URL) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("apus-operator-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory)
  }

  @Test("A port that another program has")
  func takenPort() throws {
    let cluster = try SharedCluster.running()
    try withDirectory { directory in
      let scripts = LocalCluster(
        scripts: cluster.scripts, directory: directory, sqlPort: cluster.sqlPort, binary: cluster.binary)
      let error = #expect(throws: LocalCluster.ScriptError.self) { try scripts.start() }
      #expect(error?.output.contains("error: port \(cluster.sqlPort) is taken") == true, "\(String(describing: error))")
      for (sql, rpc, http) in [(0, 5000, 5001), (5002, 2000, 5001), (5002, 5000, 3000)] {
        let output = try refusal(
          """
          data_directory: "\(directory.path)/data\(sql)\(rpc)"
          sql_port: \(cluster.sqlPort + sql)
          rpc_port: \(cluster.sqlPort + rpc)
          http_port: \(cluster.sqlPort + http)
          """, in: directory)
        #expect(output.status == 1, "\(output.text)")
        let taken = "\(cluster.sqlPort + (sql == 0 ? sql : rpc == 2000 ? rpc : http))"
        #expect(output.text.contains("error: "), "\(output.text)")
        #expect(output.text.contains(taken), "\(output.text)")
      }
    }
  }

  @Test(
    "Settings that cannot be used",
    arguments: [
      ("node: [", "is not YAML"), ("nodes: 3", "there is no setting"), ("sql_port: many", "must be a whole number"),
      ("replication_factor: 2", "replication_factor is 2"), ("members: \"2=127.0.0.1:1\"", "does not list this node"),
      ("- a\n- b", "a list of `key: value` is expected"), ("cluster: xyz", "32 hexadecimal digits"),
      ("sql_port: {a: b}", "must be a value"), ("\0\0", "apus.yaml"),
    ])
  func brokenSettings(yaml: String, message: String) throws {
    try withDirectory { directory in
      let output = try refusal(yaml, in: directory)
      #expect(output.status != 0 && output.status != 124, "\(output.text)")
      #expect(output.text.contains(message), "\(output.text)")
    }
  }

  @Test("Data that another version, another node or another program wrote")
  func foreignData() throws {
    let identity = Array("apusnode".utf8) + [5, 0, 0, 0] + [UInt8](repeating: 0, count: 16) + [1, 0, 0, 0]
    let incarnation: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    var otherVersion = identity + incarnation
    otherVersion[8] = 99
    for (bytes, message) in [
      (otherVersion, "was written in format 99"), (identity + incarnation, "belongs to node 1 of cluster"),
      (Array("something else altogether".utf8), "is not the identity file of a node"),
      (Array("apus".utf8), "is not the identity file of a node"), ([], "is not the identity file of a node"),
    ] {
      try withDirectory { directory in
        let data = directory.appendingPathComponent("data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try Data(bytes).write(to: data.appendingPathComponent("identity"))
        let output = try refusal("data_directory: \"\(data.path)\"\nsql_port: 25999", in: directory)
        #expect(output.status == 1, "\(output.text)")
        #expect(output.text.contains("error: ") && output.text.contains(message), "\(output.text)")
        #expect(output.text.contains("hint: "), "\(output.text)")
      }
    }
  }

  @Test("The wrong script options")
  func wrongOptions() throws {
    let cluster = try SharedCluster.running()
    for (script, arguments) in [
      ("start", ["--nodes", "0"]), ("start", ["--sql-port", "80"]), ("start", ["--what"]), ("node", ["9", "kill"]),
      ("node", ["1", "dance"]), ("status", ["--what"]), ("stop", ["--what"]), ("destroy", ["--what"]),
    ] {
      let output = try cluster.run(script, arguments)
      #expect(output.status == 1, "\(script) \(arguments): \(output.text)")
      #expect(output.text.contains("error: "), "\(script) \(arguments): \(output.text)")
    }
    #expect((1...3).allSatisfy(cluster.isRunning))
  }

  // MARK: The shell

  private func sql(_ arguments: [String], input: String = "") throws -> Program.Output {
    let cluster = try SharedCluster.running()
    return try Program.run(
      SharedCluster.binary.path, ["sql", "--port", "\(cluster.sqlPort + 1)"] + arguments, input: input)
  }

  @Test("apus sql runs statements from the command line, a file and standard input")
  func shell() throws {
    let good = try sql(["-c", "SELECT 1 AS one, 'a' AS two", "-c", "\\conninfo"])
    #expect(good.status == 0)
    #expect(good.text.hasPrefix(" one | two \n-----+-----\n   1 | a\n(1 row)\n\nYou are connected to"), "\(good.text)")

    let failing = try sql(["-c", "SELECT nothing"])
    #expect(failing.status == 1)
    #expect(failing.text.contains("ERROR:  "), "\(failing.text)")
    #expect(failing.text.contains("\nLINE 1: SELECT nothing\n               ^"), "\(failing.text)")

    let script = try sql(
      [],
      input: """
        DROP TABLE IF EXISTS shell_note;
        CREATE TABLE shell_note (id bigint PRIMARY KEY,
          body text); -- two lines
        INSERT INTO shell_note VALUES (1, 'a;b'), (2, $$c;
        d$$);
        SELECT nothing;
        SELECT id FROM shell_note ORDER BY id
        """)
    #expect(script.status == 3, "\(script.text)")
    #expect(script.text.contains("INSERT 0 2\n"), "\(script.text)")
    #expect(script.text.contains("apus:stdin:6: ERROR:  "), "\(script.text)")
    #expect(script.text.hasSuffix("  1\n  2\n(2 rows)\n\n"), "\(script.text)")

    let commands = try sql([
      "-c", "\\d shell_note", "-c", "\\dt", "-c", "\\nodes", "-c", "\\tablets shell_note", "-c", "\\l",
    ])
    #expect(commands.status == 0, "\(commands.text)")
    for word in ["Table \"public.shell_note\"", "| not null | ", "Primary key: ", "List of relations", "is_live"] {
      #expect(commands.text.contains(word), "\(commands.text)")
    }
    #expect(try sql(["-c", "\\nonsense"]).status == 1)
    #expect(try sql(["--port", "1", "-c", "SELECT 1"]).status != 0)
  }

  @Test("apus sql talks with a person at a terminal")
  func terminal() throws {
    let cluster = try SharedCluster.running()
    let script = SharedCluster.repository.appendingPathComponent("Tests/ClusterTests/terminal.py").path
    let output = try Program.run(
      "/usr/bin/timeout",
      [
        "60", "/usr/bin/env", "python3", script, SharedCluster.binary.path, "\(cluster.sqlPort)", cluster.scripts.path,
        cluster.directory.path,
      ], ["APUS_BINARY": cluster.binary.path])
    #expect(output.status == 0, "\(output.text)")
  }
}
