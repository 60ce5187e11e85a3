/// The PEM files for TLS with a collector. Read when the exporter is made.
package struct OTLPSecurity: Sendable, Equatable {
    /// The authorities that are trusted instead of the system's.
    package var certificateFile: String?
    /// What the exporter shows to a collector that asks who it is; only together with its key.
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
