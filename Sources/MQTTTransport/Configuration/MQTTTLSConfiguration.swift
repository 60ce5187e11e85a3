import Foundation

/// Whom a TLS connection trusts and how it shows who we are. Host names are always verified.
package struct MQTTTLSConfiguration: Sendable, Hashable {
    /// The system's certificates, where no file is given.
    package static let systemCADirectory = "/etc/ssl/certs"

    /// PEM file of the certificates to trust; the system's when `nil`.
    package var caFile: String?
    /// PEM file of our own certificate.
    package var certificateFile: String?
    /// PEM file of its key, without a passphrase.
    package var keyFile: String?

    package init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    func validate() throws(MQTTError) {
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw .invalidConfiguration("A client certificate and its key must be given together.")
        }
        for path in [caFile, certificateFile, keyFile].compactMap(\.self)
        where !FileManager.default.isReadableFile(atPath: path) {
            throw .invalidConfiguration("The TLS file \(path) cannot be read.")
        }
    }
}
