package import ChildProcesses
import Core
package import Foundation
package import WebSocketClient

/// A real `windsock serve`, started as a user would. It keeps its port across restarts.
package final class GatewayProcess: Sendable {
    /// A secret long enough for the gateway's minimum, used only by these tests.
    package static let secret = "integration-tests-secret-0123456789abcdef"

    package let port: Int
    package let process: ChildProcess

    /// Starts the gateway and waits until it accepts connections.
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

    /// Waits until the broker connection is up and every subscription is granted.
    package func waitUntilReady(within duration: Duration = .seconds(20)) async throws {
        try await eventually("the gateway was ready", within: duration) {
            try await HTTPClientLite.get("\(self.url)/readyz").status == 200
        }
    }

    /// Creates a token with the gateway's own command line.
    package static func token(
        user: String = "tester", join: [String] = ["sensors/#"], publish: [String] = [], notify: Bool = false,
        share: Bool = false
    ) async throws -> String {
        let command = try ChildProcess(
            try PackageRoot.executable.path,
            ["token", "--user", user] + join.flatMap { ["--join", $0] } + publish.flatMap { ["--publish", $0] }
                + (notify ? ["--notify"] : []) + (share ? ["--share"] : []),
            environment: ["WINDSOCK_JWT_SECRET": secret])
        try await command.waitForExit()
        guard let token = command.output.first else {
            throw Unavailable(description: "windsock token printed nothing: \(command.tail)")
        }
        return token
    }

    /// Returns a client that has joined `room`, so it receives every later message.
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
    /// Joins a room and waits for `joined`, dropping earlier messages.
    package func join(_ room: String) async throws {
        try await send(text: #"{"type":"join_room","id":"join","payload":{"room_id":"\#(room)"}}"#)
        _ = try await nextJSON("joined") { $0["type"]?.string == "joined" }
    }
}
