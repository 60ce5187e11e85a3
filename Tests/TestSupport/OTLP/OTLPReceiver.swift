import Foundation

/// An OTLP collector that is not ours: a Python script over the official `opentelemetry-proto` package, which parses
/// strictly and keeps what it accepted. It ends with this object.
///
/// `Tests/OTLPTests/Receiver/otlp_receiver.py` tells what it answers and what its lists hold.
package final class OTLPReceiver: Sendable {
    /// Where it listens: `http://127.0.0.1:port`, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    package let endpoint: String
    package let port: Int
    private let process: ChildProcess

    private init(process: ChildProcess, port: Int) {
        self.process = process
        self.port = port
        endpoint = "http://127.0.0.1:\(port)"
    }

    /// Whether there is one on this machine: for `.enabled(_:_:)` in front of a test. Says why not on standard error.
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

    /// Starts one; a `port` of 0 takes a free one.
    package static func start(port: Int = 0) async throws -> OTLPReceiver {
        let script = try ReceiverEnvironment.folder.appending(path: "otlp_receiver.py").path
        let process = try ChildProcess(
            try await ReceiverEnvironment.python(), ["-u", script, "--port", "\(port)"],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"])
        let line = try await process.waitForLine("its port") { $0.hasPrefix("{\"port\"") }
        let number = try JSON(parsing: line)["port"]?.number
        guard let number else { throw ChildProcess.Failure(description: "not a port: \(line)") }
        return OTLPReceiver(process: process, port: Int(number))
    }

    /// The spans that it accepted, in the order of arrival.
    package func spans() async throws -> [JSON] { try await list("spans") }
    /// The data points that it accepted.
    package func metrics() async throws -> [JSON] { try await list("metrics") }
    /// The log records that it accepted.
    package func logs() async throws -> [JSON] { try await list("logs") }
    /// Every export request, accepted or not.
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

    /// Tells it how to answer the next requests, such as `["status": 503, "retry_after": 1, "times": 2]`.
    package func behave(_ behaviour: JSON) async throws {
        _ = try await HTTPClientLite.request("POST", "\(endpoint)/behaviour", body: try behaviour.text)
    }

    /// Lets it forget what it has and what it was told.
    package func reset() async throws {
        _ = try await HTTPClientLite.request("POST", "\(endpoint)/reset", body: "")
    }

    /// Ends it at once, as a crash would.
    package func stop() async throws {
        process.kill()
        _ = try await process.waitForExit()
    }

    private func list(_ name: String) async throws -> [JSON] {
        try await HTTPClientLite.get("\(endpoint)/\(name)").json.array ?? []
    }
}
