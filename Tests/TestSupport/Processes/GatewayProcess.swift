package import Foundation
package import WebSocketClient

/// The real `windsock serve`, as a user starts it, on a port that stays the same when it is started again.
package final class GatewayProcess: Sendable {
    /// Long enough for the gateway, and known to nobody else.
    package static let secret = "integration-tests-secret-0123456789abcdef"

    package let port: Int
    package let process: ChildProcess

    /// Starts it and waits until it accepts connections.
    package init(
        mqttURL: String, port: Int? = nil, dataDirectory: URL, arguments: [String] = [],
        environment: [String: String] = [:]
    ) async throws {
        self.port = try port ?? FreePort.reserve()
        process = try ChildProcess(
            try PackageRoot.executable.path,
            [
                "serve", "--listen", "127.0.0.1:\(self.port)", "--mqtt-url", mqttURL, "--data-dir", dataDirectory.path,
                "--dashboards-dir", try PackageRoot.directory.appending(path: "dashboards").path,
            ] + arguments,
            environment: environment.merging(["WINDSOCK_JWT_SECRET": Self.secret]) { $1 },
            workingDirectory: dataDirectory)
        try await process.waitForLine("that it is ready") { $0.contains("Ready: http://") }
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// Waits until the broker's connection is up and every subscription granted.
    package func waitUntilReady(within duration: Duration = .seconds(20)) async throws {
        try await eventually("the gateway was ready", within: duration) {
            try await HTTPClientLite.get("\(self.url)/readyz").status == 200
        }
    }

    /// A token from the gateway's own command line.
    package static func token(
        user: String = "tester", join: [String] = ["sensors/#"], publish: [String] = [], notify: Bool = false
    ) async throws -> String {
        let command = try ChildProcess(
            try PackageRoot.executable.path,
            ["token", "--user", user] + join.flatMap { ["--join", $0] } + publish.flatMap { ["--publish", $0] }
                + (notify ? ["--notify"] : []),
            environment: ["WINDSOCK_JWT_SECRET": secret])
        try await command.waitForExit()
        guard let token = command.output.first else {
            throw ChildProcess.Failure(description: "windsock token printed nothing: \(command.tail)")
        }
        return token
    }

    /// A client that has joined `room`, so that it misses nothing from now on.
    package func client(
        token: String, joining room: String,
        configuration: WebSocketClientConfiguration = WebSocketClientConfiguration()
    ) async throws -> WebSocketClient {
        let client = try await WebSocketClient.connect(
            url: "ws://127.0.0.1:\(port)/ws", headers: [("Authorization", "Bearer \(token)")],
            configuration: configuration)
        try await client.join(room)
        return client
    }
}

extension WebSocketClient {
    /// Joins a room and waits for `joined`; what comes before is dropped.
    package func join(_ room: String) async throws {
        try await send(text: #"{"type":"join_room","id":"join","payload":{"room_id":"\#(room)"}}"#)
        _ = try await nextJSON("joined") { $0["type"]?.string == "joined" }
    }
}
