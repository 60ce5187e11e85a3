import Foundation
import HTTPRequests

/// The address and transport settings for the export of one ``OTLPSignal``.
package struct OTLPEndpoint: Sendable, Equatable {
    /// The full `http` or `https` URL, including the signal's path.
    package var url: String
    package var headers: OTLPHeaders
    package var `protocol`: OTLPProtocol
    package var compression: OTLPCompression
    /// The time limit for one request, from the connection to the end of the response.
    package var timeout: Duration
    package var security: OTLPSecurity

    package init(
        url: String,
        headers: OTLPHeaders = .none,
        protocol: OTLPProtocol = .httpProtobuf,
        compression: OTLPCompression = .none,
        timeout: Duration = .seconds(10),
        security: OTLPSecurity = OTLPSecurity()
    ) {
        self.url = url
        self.headers = headers
        self.protocol = `protocol`
        self.compression = compression
        self.timeout = timeout
        self.security = security
    }
}

/// A kind of telemetry that OTLP carries. Each has its own endpoint, queue and metrics.
package enum OTLPSignal: String, Sendable, Hashable, CaseIterable {
    case traces
    case metrics
    case logs

    /// The path to append to an endpoint that all signals share.
    ///
    /// Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter", Endpoint URLs for OTLP/HTTP.
    var path: String { "/v1/\(rawValue)" }

    /// The part of environment variable names that identifies the signal.
    var variablePart: String { rawValue.uppercased() }
}

/// The message encoding. Both encodings use HTTP POST.
package enum OTLPProtocol: String, Sendable, Hashable, CaseIterable {
    case httpProtobuf = "http/protobuf"
    case httpJSON = "http/json"

    /// The media type of requests and of accepted responses.
    var contentType: String {
        switch self {
        case .httpProtobuf: "application/x-protobuf"
        case .httpJSON: "application/json"
        }
    }
}

/// The compression of request bodies.
package enum OTLPCompression: String, Sendable, Hashable, CaseIterable {
    case none
    case gzip
}

/// Additional headers for every request. They usually contain API keys, so descriptions never show their values.
package struct OTLPHeaders: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// The fields in the given order.
    package let fields: [Field]

    package struct Field: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
        package let name: String
        package let value: String

        /// Parses `name=value` with a percent-encoded value. Returns `nil` when the entry is invalid.
        ///
        /// Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter", Specifying headers via environment
        /// variables; RFC 9110 section 5.5 for the characters allowed in a value.
        init?(_ entry: some StringProtocol) {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmingCharacters(in: .whitespaces)
            guard parts.count == 2, name.isHTTPToken,
                let value = parts[1].trimmingCharacters(in: .whitespaces).removingPercentEncoding,
                value.isHTTPFieldValue
            else { return nil }
            self.name = name
            self.value = value
        }

        package var description: String { "\(name): (not shown)" }
        package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
    }

    package static let none = OTLPHeaders(fields: [])

    init(fields: [Field]) {
        self.fields = fields
    }

    package var description: String { "[\(fields.map(\.description).joined(separator: ", "))]" }
    package var customMirror: Mirror { Mirror(self, children: ["names": fields.map(\.name)]) }
}

/// The PEM files for TLS connections to a collector. They are read when the exporter is created.
package struct OTLPSecurity: Sendable, Equatable {
    /// The trusted CA certificates, which replace those of the system.
    package var certificateFile: String?
    /// The client certificate for mutual TLS. Requires a client key.
    package var clientCertificateFile: String?
    package var clientKeyFile: String?

    package init(
        certificateFile: String? = nil, clientCertificateFile: String? = nil, clientKeyFile: String? = nil
    ) {
        self.certificateFile = certificateFile
        self.clientCertificateFile = clientCertificateFile
        self.clientKeyFile = clientKeyFile
    }
}
