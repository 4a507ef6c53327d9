// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: language mode 6, an async call stays on its loop, warnings are errors.
let common: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

/// In release, exclusive access is not checked at run time, which takes some 5 % of a transaction's CPU; a debug build has it.
let strict: [SwiftSetting] =
  common + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// Settings of targets that hold raw pointers: each use of one must say `unsafe`, and exclusive access is always checked.
let strictMemory: [SwiftSetting] =
  common + [
    .strictMemorySafety(),
    .enableExperimentalFeature("Lifetimes"),
  ]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")

// Targets are listed floor by floor; a target imports only from floors below its own.
// `Tests/RepositoryTests` holds this file to that.
let package = Package(
  name: "apus",
  products: [.executable(name: "apus", targets: ["apus"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // Floor 0: libraries of the system, and bytes in and out.
    .systemLibrary(name: "CRocksDB", pkgConfig: "rocksdb", providers: [.apt(["librocksdb-dev"])]),
    .systemLibrary(name: "CPGQuery", providers: [.apt(["libpg-query-dev"])]),
    .systemLibrary(name: "CEditLine", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "Coding", swiftSettings: strict),

    // Floor 1
    .target(name: "Values", dependencies: ["Coding"], swiftSettings: strict),
    .target(
      name: "Runtime", dependencies: [nio, nioPosix, logging, deque, heap], swiftSettings: strict),
    .target(name: "PostgresClient", dependencies: ["CLibPQ"], swiftSettings: strict),
    .target(name: "Checkers", swiftSettings: strict),

    // Floor 2
    .target(name: "Keys", dependencies: ["Coding", "Values", "CXXHash"], swiftSettings: strict),
    .target(name: "Raft", dependencies: ["Coding", deque], swiftSettings: strict),
    .target(name: "Shell", dependencies: ["PostgresClient", "CEditLine"], swiftSettings: strict),

    // Floor 3
    .target(name: "Storage", dependencies: ["Keys", "CRocksDB", "CXXHash"], swiftSettings: strictMemory),
    .target(
      name: "WriteAheadLog", dependencies: ["Runtime", "Coding", "CISAL", deque, logging],
      swiftSettings: strict),
    .target(
      name: "Transport", dependencies: ["Runtime", "Coding", "Keys", "CISAL", nio, deque, logging],
      swiftSettings: strict),
    .target(name: "Expressions", dependencies: ["Values", "Coding"], swiftSettings: strict),

    // Floor 4
    .target(
      name: "Schema", dependencies: ["Coding", "Values", "Keys", "Expressions"],
      swiftSettings: strict),

    // Floor 5
    .target(
      name: "Operations", dependencies: ["Coding", "Values", "Keys", "Expressions", "Schema"],
      swiftSettings: strict),

    // Floor 6
    .target(
      name: "DocStore",
      dependencies: ["Coding", "Values", "Keys", "Storage", "Expressions", "Schema", "Operations", deque],
      swiftSettings: strict),

    // Floor 7
    .target(
      name: "Tablet",
      dependencies: [
        "Coding", "Values", "Keys", "Runtime", "Raft", "WriteAheadLog", "Storage", "Expressions",
        "Schema", "Operations", "DocStore", "Transport", nio, deque, logging,
      ],
      swiftSettings: strict),

    // Floor 8
    .target(
      name: "Placement",
      dependencies: [
        "Coding", "Values", "Keys", "Runtime", "Storage", "WriteAheadLog", "Schema", "Operations",
        "DocStore", "Tablet", "Transport", nio, logging,
      ],
      swiftSettings: strict),

    // Floor 9
    .target(
      name: "Transactions",
      dependencies: [
        "Coding", "Values", "Keys", "Runtime", "Expressions", "Schema", "Operations", "Tablet",
        "Placement", "Transport", nio, deque, logging,
      ],
      swiftSettings: strict),

    .target(
      name: "SQL",
      dependencies: [
        "Coding", "Values", "Keys", "Expressions", "Schema", "Operations", "Runtime", "CPGQuery", deque,
        logging,
      ],
      swiftSettings: strict),

    // Floor 10
    .target(
      name: "PostgresWire",
      dependencies: ["Values", "Operations", "SQL", "Runtime", nio, nioPosix, logging], swiftSettings: strict),

    .target(
      name: "NodeCore",
      dependencies: [
        "Coding", "Values", "Keys", "Runtime", "Raft", "Schema", "Operations", "Storage", "WriteAheadLog",
        "Transport", "Tablet", "Placement", "Transactions", logging,
      ],
      swiftSettings: strict),

    // Floor 11
    .target(
      name: "Node",
      dependencies: [
        "Coding", "Values", "Keys", "Runtime", "Schema", "Operations", "Storage", "WriteAheadLog",
        "Transport", "Tablet", "Placement", "Transactions", "NodeCore", "SQL", "PostgresWire", nio, nioPosix,
        nioHTTP,
        logging, .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .target(
      name: "Simulation",
      dependencies: [
        "Checkers", "Coding", "Values", "Keys", "Runtime", "Raft", "Schema", "Operations", "Storage", "WriteAheadLog",
        "Transport", "Tablet", "Placement", "Transactions", "NodeCore", "SQL", deque, heap, logging,
      ],
      swiftSettings: strict),

    // Floor 12
    .target(name: "Workload", dependencies: ["Checkers", "PostgresClient"], swiftSettings: strict),

    // Floor 13
    .executableTarget(
      name: "apus",
      dependencies: [
        "Node", "NodeCore", "Simulation", "PostgresClient", "Shell", "Workload", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict,
      // Another `malloc` than the C library's: measured, a point read takes a quarter less CPU, a transaction a tenth.
      linkerSettings: [.linkedLibrary("tcmalloc_minimal")]),

    // Floor of its own: what several test targets share.
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),

    .testTarget(name: "CodingTests", dependencies: ["Coding"], swiftSettings: strict),
    .testTarget(name: "ValuesTests", dependencies: ["Values", "Coding"], swiftSettings: strict),
    .testTarget(name: "CheckersTests", dependencies: ["Checkers"], swiftSettings: strict),
    .testTarget(name: "RuntimeTests", dependencies: ["Runtime"], swiftSettings: strict),
    .testTarget(name: "KeysTests", dependencies: ["Keys", "Values", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "RaftTests", dependencies: ["Raft"], exclude: ["Scripts"], swiftSettings: strict),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "Keys"], swiftSettings: strict),
    .testTarget(
      name: "WriteAheadLogTests", dependencies: ["WriteAheadLog", "Runtime"], swiftSettings: strict),
    .testTarget(
      name: "TransportTests", dependencies: ["Transport", "Runtime", "Keys"], swiftSettings: strict),
    .testTarget(
      name: "ExpressionsTests", dependencies: ["Expressions", "Values", "Coding"], swiftSettings: strict),
    .testTarget(
      name: "SchemaTests", dependencies: ["Schema", "Coding", "Expressions", "Keys", "Values", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "OperationsTests",
      dependencies: ["Operations", "Coding", "Expressions", "Schema", "Keys", "Values", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "DocStoreTests",
      dependencies: [
        "DocStore", "Coding", "Expressions", "Operations", "Schema", "Storage", "Keys", "Values", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TabletTests",
      dependencies: [
        "Tablet", "Coding", "DocStore", "Operations", "Raft", "Schema", "Keys", "Values", "Runtime", "WriteAheadLog",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TransactionsTests",
      dependencies: ["Transactions", "Tablet", "Coding", "Operations", "Schema", "Keys", "Values"],
      swiftSettings: strict),
    .testTarget(
      name: "SQLTests",
      dependencies: [
        "SQL", "Transactions", "Operations", "Schema", "Expressions", "Keys", "Values", "Runtime", "Coding",
      ],
      exclude: ["Scripts"], swiftSettings: strict),
    .testTarget(
      name: "PostgresWireTests", dependencies: ["PostgresWire", "SQL", "Values", "Runtime", nio, nioPosix],
      swiftSettings: strict),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Simulation", "NodeCore", "Tablet", "Operations", "Schema", "Expressions", "Keys", "Values", "Runtime",
      ],
      swiftSettings: strict),
    .testTarget(name: "ShellTests", dependencies: ["Shell", "PostgresClient"], swiftSettings: strict),
    .testTarget(name: "WorkloadTests", dependencies: ["Workload", "Checkers"], swiftSettings: strict),
    .testTarget(
      name: "ClusterTests", dependencies: ["PostgresClient", "Workload"],
      exclude: ["terminal.py", "Isolation/Scripts"],
      swiftSettings: strict),
    .testTarget(name: "RepositoryTests", swiftSettings: strict),
  ]
)
