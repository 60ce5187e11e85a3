import Core

@testable import OTLP

/// Accepts every request and records its body.
final class RecordingSender: OTLPSender {
    private let bodies = Lock<[[UInt8]]>([])
    private let closings = Lock(0)

    var sent: [[UInt8]] { bodies.withLock { $0 } }
    var shutdownCount: Int { closings.withLock { $0 } }

    func prepare(_ body: [UInt8]) -> PreparedBody { PreparedBody(bytes: body, encoding: .none) }

    func send(_ body: PreparedBody, timeout: Duration) async -> ExportOutcome {
        bodies.withLock { $0.append(body.bytes) }
        return .accepted(rejected: 0, message: nil)
    }

    func shutdown() { closings.withLock { $0 += 1 } }
}
