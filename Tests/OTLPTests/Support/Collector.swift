import SwiftProtobuf
import TestSupport

@testable import OTLP

/// The server in the role of a collector for spans.
extension ScriptedHTTPServer {
    var tracesURL: String { "http://127.0.0.1:\(port)/v1/traces" }

    /// The names of the spans that were answered with success, in order.
    var acceptedSpans: [String] {
        requests.flatMap { request -> [String] in
            guard case .status(200..<300, _, let body) = request.answer else { return [] }
            let response = try? ProtoExportTraceServiceResponse(serializedBytes: body)
            return request.spanNames.dropLast(Int(response?.partialSuccess.rejectedSpans ?? 0))
        }
    }
}

extension ScriptedHTTPServer.Request {
    var spanNames: [String] {
        let request = try? ProtoExportTraceServiceRequest(serializedBytes: body)
        return request?.resourceSpans.flatMap(\.scopeSpans).flatMap(\.spans).map(\.name) ?? []
    }
}

extension ScriptedHTTPServer.Answer {
    /// 200, with that number of spans rejected.
    static func partialSuccess(rejected: Int64, message: String) -> Self {
        let response = ProtoExportTraceServiceResponse.with {
            $0.partialSuccess = .with { ($0.rejectedSpans, $0.errorMessage) = (rejected, message) }
        }
        let body: [UInt8] = (try? response.serializedBytes()) ?? []
        return .status(200, headers: [("Content-Type", "application/x-protobuf")], body: body)
    }
}
