import ChildProcesses
import Core
import Foundation

/// An independent OTLP collector: a Python script based on the official `opentelemetry-proto` package. It parses
/// strictly and stores accepted data. The process ends with this object.
///
/// See `Tests/OTLPTests/Receiver/otlp_receiver.py` for its responses and the contents of its lists.
package final class OTLPReceiver: Sendable {
    /// The base URL, `http://127.0.0.1:port`, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    package let endpoint: String
    package let port: Int
    private let process: ChildProcess

    private init(process: ChildProcess, port: Int) {
        self.process = process
        self.port = port
        endpoint = "http://127.0.0.1:\(port)"
    }

    /// Whether the receiver can run on this machine, for a test's `.enabled(_:_:)`. Prints the reason to standard error
    /// if not.
    package static var isAvailable: Bool {
        get async {
            do {
                _ = try await ReceiverEnvironment.python()
                return true
            } catch {
                FileHandle.standardError.write(Data("OTLP receiver left out: \(error)\n".utf8))
                return false
            }
        }
    }

    /// Starts a receiver. A `port` of 0 selects a free port.
    package static func start(port: Int = 0) async throws -> OTLPReceiver {
        let script = try ReceiverEnvironment.folder.appending(path: "otlp_receiver.py").path
        let process = try ChildProcess(
            try await ReceiverEnvironment.python(), ["-u", script, "--port", "\(port)"],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"])
        let line = try await process.waitForLine("its port") { $0.hasPrefix("{\"port\"") }
        let number = try JSON(parsing: line)["port"]?.number
        guard let number else { throw Unavailable(description: "not a port: \(line)") }
        return OTLPReceiver(process: process, port: Int(number))
    }

    /// The accepted spans, in order of arrival.
    package func spans() async throws -> [JSON] { try await list("spans") }
    /// The accepted data points.
    package func metrics() async throws -> [JSON] { try await list("metrics") }
    /// The accepted log records.
    package func logs() async throws -> [JSON] { try await list("logs") }
    /// All export requests, including rejected ones.
    package func requests() async throws -> [JSON] { try await list("requests") }

    /// Waits until the spans satisfy `isComplete`, and returns them.
    @discardableResult
    package func spans(
        _ what: String, within duration: Duration = .seconds(20), where isComplete: ([JSON]) -> Bool
    ) async throws -> [JSON] {
        var spans: [JSON] = []
        try await eventually("the receiver has \(what)", within: duration) {
            spans = try await self.spans()
            return isComplete(spans)
        }
        return spans
    }

    /// Sets the response to the next requests, such as `["status": 503, "retry_after": 1, "times": 2]`.
    package func behave(_ behaviour: JSON) async throws {
        _ = try await HTTPClientLite.request("POST", "\(endpoint)/behaviour", body: try behaviour.text)
    }

    /// Clears the stored data and the configured responses.
    package func reset() async throws {
        _ = try await HTTPClientLite.request("POST", "\(endpoint)/reset", body: "")
    }

    /// Kills the process at once, as a crash would.
    package func stop() async throws {
        process.kill()
        _ = try await process.waitForExit()
    }

    private func list(_ name: String) async throws -> [JSON] {
        try await HTTPClientLite.get("\(endpoint)/\(name)").json.array ?? []
    }
}
