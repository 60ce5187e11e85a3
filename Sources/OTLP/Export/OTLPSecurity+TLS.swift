import NIOSSL

extension OTLPSecurity {
    /// The settings for TLS, or `nil` where the system's will do.
    ///
    /// - Throws: for a file that cannot be read.
    func tlsConfiguration(for signal: OTLPSignal) throws(OTLPExporterError) -> TLSConfiguration? {
        guard self != OTLPSecurity() else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = certificateFile {
            configuration.trustRoots = try Self.read(file, "CERTIFICATE", signal) {
                .certificates(try NIOSSLCertificate.fromPEMFile(file))
            }
        }
        if let file = clientCertificateFile {
            configuration.certificateChain = try Self.read(file, "CLIENT_CERTIFICATE", signal) {
                try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            }
        }
        if let file = clientKeyFile {
            configuration.privateKey = try Self.read(file, "CLIENT_KEY", signal) {
                .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
            }
        }
        return configuration
    }

    private static func read<Value>(
        _ file: String, _ setting: String, _ signal: OTLPSignal, _ value: () throws -> Value
    ) throws(OTLPExporterError) -> Value {
        do {
            return try value()
        } catch {
            throw OTLPExporterError(signal: signal, setting: setting, file: file, reason: "\(error)")
        }
    }
}
