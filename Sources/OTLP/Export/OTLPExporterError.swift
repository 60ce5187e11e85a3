/// Files for TLS that cannot be used.
package struct OTLPExporterError: Error, Sendable, CustomStringConvertible {
    package let signal: OTLPSignal
    /// The variable's name without its beginning: `CERTIFICATE`.
    package let setting: String
    package let file: String
    package let reason: String

    package var description: String {
        "OTEL_EXPORTER_OTLP_\(setting) (\(signal.rawValue)): \"\(file)\" is no PEM file that can be used: \(reason)"
    }
}
