// swift-tools-version:6.2
import PackageDescription

// The layers are drawn in docs/architecture.md; scripts/check-imports.py enforces them.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")

func nio(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-nio") }

let package = Package(
    name: "windsock",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "windsock", targets: ["windsock"]),
        .executable(name: "windsock-echo", targets: ["windsock-echo"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Level 0: values and system libraries
        .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "Core", dependencies: [logging, coreMetrics, tracing], swiftSettings: settings),
        .target(name: "Telemetry", dependencies: ["Core"], swiftSettings: settings),

        // Level 1: one concern each
        .target(name: "OpenSSL", dependencies: ["COpenSSL", nio("NIOCore")], swiftSettings: settings),
        .target(name: "YAML", dependencies: ["Core", yams], swiftSettings: settings),
        .target(name: "ChildProcesses", dependencies: ["Core"], swiftSettings: settings),
        .target(
            name: "MQTTTransport", dependencies: ["Core", "CMosquitto", "Telemetry", logging, collections],
            swiftSettings: settings),
        .target(
            name: "Realtime",
            dependencies: ["Core", "Telemetry", coreMetrics, tracing, collections, heap, nio("NIOCore")],
            swiftSettings: settings),
        .target(name: "Storage", dependencies: ["Core", "Telemetry", grdb, sqlite], swiftSettings: settings),
        .target(name: "AlertRules", dependencies: ["Core", "Telemetry"], swiftSettings: settings),
        .target(name: "Observability", dependencies: ["Core", coreMetrics], swiftSettings: settings),
        .target(name: "HTTPRequests", dependencies: ["Core", "CCurl"], swiftSettings: settings),
        .target(
            name: "OTLP",
            dependencies: [
                "Core", "CZlib", "Telemetry", "Observability", "HTTPRequests", "OpenSSL", logging, coreMetrics, tracing,
                protobuf,
            ],
            exclude: ["Protobuf/README.md", "Protobuf/opentelemetry"],
            swiftSettings: settings),
        .target(
            name: "WebSocketClient",
            dependencies: [
                "Core", "OpenSSL", nio("NIOCore"), nio("NIOHTTP1"), nio("NIOPosix"), nio("NIOWebSocket"),
            ],
            swiftSettings: settings),

        .target(
            name: "Webhooks",
            dependencies: ["Core", "HTTPRequests", "OpenSSL", logging, metrics, coreMetrics, tracing],
            swiftSettings: settings),

        // Level 2: the use cases
        .target(
            name: "Services",
            dependencies: [
                "Core", "Telemetry", "MQTTTransport", "Realtime", "Storage", "AlertRules", "OTLP", "OpenSSL",
                "Webhooks",
                logging, metrics, coreMetrics, tracing, collections, nio("NIOCore"),
            ],
            swiftSettings: settings),

        // Level 3: the edge
        .target(
            name: "WebServer",
            dependencies: [
                "Core", "Telemetry", "Realtime", "Storage", "HTTPRequests", "OTLP", "OpenSSL", "Services", logging,
                coreMetrics, tracing, lifecycle, hummingbird, collections,
                nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
            ],
            swiftSettings: settings),

        // Level 4: devices that behave like real ones
        .target(
            name: "DeviceSimulator",
            dependencies: ["Core", "Telemetry", "YAML", "MQTTTransport", logging, tracing, lifecycle],
            swiftSettings: settings),

        // Level 5 and 6: composition root and command line
        .target(
            name: "Gateway",
            dependencies: [
                "Core", "Telemetry", "YAML", "MQTTTransport", "Realtime", "Observability", "OTLP", "Storage",
                "AlertRules", "Webhooks", "Services", "WebServer",
                logging, coreMetrics, tracing, lifecycle, configuration, nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "windsock",
            dependencies: [
                "Core", "CMalloc", "ChildProcesses", "Telemetry", "Gateway", "DeviceSimulator", "MQTTTransport",
                "WebServer", "WebSocketClient",
                "OTLP", "Storage", "Observability", logging, lifecycle, signals, arguments,
            ],
            swiftSettings: settings),

        // A tool for conformance suites, which no other target needs
        .executableTarget(
            name: "windsock-echo",
            dependencies: [
                "Core", "Realtime", "WebServer", logging, lifecycle, signals, arguments, nio("NIOCore"),
                nio("NIOHTTP1"), nio("NIOPosix"), .product(name: "NIOExtras", package: "swift-nio-extras"),
            ],
            swiftSettings: settings),

        // Tests mirror Sources; those that need a broker or a browser stand apart.
        .target(
            name: "TestSupport",
            dependencies: [
                "Core", "ChildProcesses", "MQTTTransport", "OpenSSL", "OTLP", "Realtime", "WebSocketClient", logging,
                tracing, nio("NIOCore"), nio("NIOHTTP1"), nio("NIOPosix"),
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "CoreTests", dependencies: ["Core", "TestSupport", logging, tracing], swiftSettings: settings),
        .testTarget(name: "YAMLTests", dependencies: ["Core", "YAML"], swiftSettings: settings),
        .testTarget(
            name: "OpenSSLTests",
            dependencies: [
                "ChildProcesses", "COpenSSL", "Core", "OpenSSL", "TestSupport", nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Core", "Telemetry", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "MQTTTransportTests",
            dependencies: ["Core", "ChildProcesses", "MQTTTransport", "Telemetry", "TestSupport", logging],
            swiftSettings: settings),
        .testTarget(
            name: "RealtimeTests",
            dependencies: [
                "Core", "Realtime", "OTLP", "Telemetry", "TestSupport", coreMetrics, tracing, nio("NIOCore"),
                nio("NIOEmbedded"), nio("NIOPosix"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "StorageTests", dependencies: ["Core", "Storage", "Telemetry", "TestSupport", grdb],
            swiftSettings: settings),
        .testTarget(
            name: "AlertRulesTests", dependencies: ["Core", "AlertRules", "Telemetry", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ObservabilityTests", dependencies: ["Core", "Observability", metrics], swiftSettings: settings),
        .testTarget(
            name: "HTTPRequestsTests",
            dependencies: ["Core", "HTTPRequests", "TestSupport", nio("NIOCore"), nio("NIOPosix")],
            swiftSettings: settings),
        .testTarget(
            name: "OTLPTests",
            dependencies: [
                "Core", "OTLP", "Observability", "Telemetry", "TestSupport", logging, coreMetrics, tracing, protobuf,
                "COpenSSL", "OpenSSL",
            ],
            exclude: ["Receiver"], swiftSettings: settings),
        .testTarget(
            name: "WebSocketClientTests",
            dependencies: [
                "Core", "WebSocketClient", "TestSupport", nio("NIOCore"), nio("NIOHTTP1"), nio("NIOPosix"),
                nio("NIOWebSocket"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ServicesTests",
            dependencies: [
                "Core", "Services", "Realtime", "Storage", "AlertRules", "OTLP", "MQTTTransport", "Telemetry",
                "Webhooks",
                "Observability", "TestSupport", logging, coreMetrics, tracing, grdb, nio("NIOCore"), nio("NIOEmbedded"),
                nio("NIOPosix"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "WebhooksTests",
            dependencies: [
                "Core", "HTTPRequests", "OpenSSL", "Webhooks", "OTLP", "Observability", "Telemetry", "TestSupport",
                logging, coreMetrics, tracing,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "WebServerTests",
            dependencies: [
                "Core", "ChildProcesses", "Gateway", "WebServer", "windsock-echo", "Services", "MQTTTransport",
                "Storage", "AlertRules", "Realtime", "OTLP", "Telemetry", "WebSocketClient", "TestSupport",
                "COpenSSL", "OpenSSL", logging, tracing, coreMetrics, lifecycle,
                nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "DeviceSimulatorTests",
            dependencies: [
                "Core", "DeviceSimulator", "YAML", "MQTTTransport", "OTLP", "Telemetry", "TestSupport", logging,
                lifecycle, tracing,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Core", "Webhooks", "Gateway", "AlertRules", "MQTTTransport", "OTLP", "Services", "WebServer",
                "Telemetry", "TestSupport",
                nio("NIOCore"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Core", "ChildProcesses", "windsock", "windsock-echo", "MQTTTransport", "WebSocketClient",
                "TestSupport", "Telemetry", logging, nio("NIOCore"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "BrowserTests", dependencies: ["ChildProcesses", "windsock", "TestSupport"], swiftSettings: settings),

        // Fuzzing: what is read from strangers, as one list, and the tests that feed it the corpus
        .target(
            name: "FuzzInputs",
            dependencies: [
                "Core", "Telemetry", "YAML", "WebServer", "DeviceSimulator", "Gateway", "Storage", nio("NIOCore"),
                nio("NIOHTTP1"),
            ],
            path: "Tests/Fuzz/Inputs", swiftSettings: settings),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzInputs"], swiftSettings: settings),
    ]
)

// Only scripts/fuzz builds it, with the sanitizer that has the rest of it.
if Context.environment["WINDSOCK_FUZZ"] != nil {
    package.products.append(.executable(name: "fuzz", targets: ["fuzz"]))
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzInputs"], path: "Tests/Fuzz/Driver", swiftSettings: settings))
}

// Only Benchmarks/decode builds it.
if Context.environment["WINDSOCK_BENCHMARKS"] != nil {
    package.products.append(.executable(name: "decoding-benchmark", targets: ["decoding-benchmark"]))
    package.targets.append(
        .executableTarget(
            name: "decoding-benchmark", dependencies: ["Core", "Telemetry"], path: "Benchmarks/Decoding",
            swiftSettings: settings))
}
