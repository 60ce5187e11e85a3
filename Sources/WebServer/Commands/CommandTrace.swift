import Services
import Telemetry
import Tracing

/// The spans of one command that is sampled: `websocket.receive` until its turn comes, below it `hub.process_message`
/// until it is answered.
struct CommandTrace: Sendable {
    private let process: any Span

    /// What carries the command out comes under this.
    var context: TraceContext? { process.traceContext }

    /// Starts them; `nil` when the command is not recorded. Clock exchanges never are: there is nothing to see.
    init?(_ command: ClientCommand, entry: EntryTracer, at now: Timestamp) {
        guard command.type != "clock_sync",
            let receive = entry.begin(
                "websocket.receive", from: command.trace, ofKind: .consumer, at: command.receivedAt)
        else { return nil }
        receive.updateAttributes { attributes in
            attributes["messaging.system"] = "websocket"
            attributes["messaging.operation.name"] = "receive"
            attributes["messaging.operation.type"] = "receive"
            // The client's own words: bounded, and never many.
            attributes["windsock.message.type"] = String(command.type.prefix(64))
        }
        receive.end(at: now)
        process = entry.tracer.startSpan("hub.process_message", under: receive.traceContext, at: now)
    }

    /// The command is answered.
    func finish(_ error: CommandError? = nil, at now: Timestamp) {
        if let error {
            process.updateAttributes { $0["error.type"] = error.code.rawValue }
            process.setStatus(SpanStatus(code: .error, message: error.code.rawValue))
        }
        process.end(at: now)
    }
}
