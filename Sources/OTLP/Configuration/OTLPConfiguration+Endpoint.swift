import Foundation

extension OTLPConfiguration {
    private enum ExporterName: String, CaseIterable {
        case otlp
        case none
    }

    private static let defaultEndpoint = "http://localhost:4318"

    /// Where `signal` goes, or `nil` when nobody asked for its export.
    ///
    /// Every variable has a form for one signal, which counts more than that for all.
    static func endpoint(of signal: OTLPSignal, from reader: inout EnvironmentReader) -> OTLPEndpoint? {
        func names(_ suffix: String) -> [String] {
            ["OTEL_EXPORTER_OTLP_\(signal.variablePart)_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)"]
        }
        let exporter: ExporterName? = reader.choice(["OTEL_\(signal.variablePart)_EXPORTER"])
        let given = reader.first(of: names("ENDPOINT"))
        guard exporter == .otlp || (exporter == nil && given != nil) else { return nil }

        let isOwn = given?.name == names("ENDPOINT")[0]
        let url = url(given?.value ?? defaultEndpoint, appending: isOwn ? "" : signal.path)
        if url == nil, let given {
            let isHarmless = !given.value.contains { "@?".contains($0) }
            reader.reject(
                given.name, isHarmless ? given.value : nil,
                allowed: "http://host:port/path or https://host:port/path, without user and password")
        }
        let `protocol`: OTLPProtocol? = reader.choice(names("PROTOCOL")) {
            $0 == "grpc" ? "OTLP over gRPC is not spoken; collectors take OTLP/HTTP on port 4318" : nil
        }
        let compression: OTLPCompression? = reader.choice(names("COMPRESSION"))
        return OTLPEndpoint(
            url: url ?? defaultEndpoint,
            headers: headers(names("HEADERS"), from: &reader),
            protocol: `protocol` ?? .httpProtobuf,
            compression: compression ?? .none,
            timeout: reader.timeout(names("TIMEOUT")) ?? .seconds(10),
            security: security(names, from: &reader))
    }

    /// The address, or `nil` when it is none that can be used. A path given for one signal is used as it is; one for
    /// all signals gets the signal's path behind it.
    private static func url(_ text: String, appending path: String) -> String? {
        guard var parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.password == nil, parts.fragment == nil,
            parts.port.map({ (1...65_535).contains($0) }) ?? true
        else { return nil }
        guard !path.isEmpty else {
            if parts.percentEncodedPath.isEmpty { parts.percentEncodedPath = "/" }
            return parts.string
        }
        guard parts.query == nil else { return nil }
        var base = parts.percentEncodedPath
        while base.hasSuffix("/") { base.removeLast() }
        parts.percentEncodedPath = base + path
        return parts.string
    }

    private static func headers(_ names: [String], from reader: inout EnvironmentReader) -> OTLPHeaders {
        guard let (name, value) = reader.first(of: names) else { return .none }
        do throws(OTLPHeaders.Mistake) {
            return try OTLPHeaders(parsing: value)
        } catch {
            reader.reject(
                name, nil, allowed: "name=value,name=value, values percent-encoded (look at entry \(error.entry))")
            return .none
        }
    }

    private static func security(
        _ names: (String) -> [String], from reader: inout EnvironmentReader
    ) -> OTLPSecurity {
        let security = OTLPSecurity(
            certificateFile: reader.first(of: names("CERTIFICATE"))?.value,
            clientCertificateFile: reader.first(of: names("CLIENT_CERTIFICATE"))?.value,
            clientKeyFile: reader.first(of: names("CLIENT_KEY"))?.value)
        if let (name, value) = reader.first(of: names("CLIENT_CERTIFICATE")), security.clientKeyFile == nil {
            reader.reject(name, value, allowed: "a file together with \(names("CLIENT_KEY")[1])")
        }
        if let (name, value) = reader.first(of: names("CLIENT_KEY")), security.clientCertificateFile == nil {
            reader.reject(name, value, allowed: "a file together with \(names("CLIENT_CERTIFICATE")[1])")
        }
        return security
    }
}
