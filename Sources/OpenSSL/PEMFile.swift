import COpenSSL
import Foundation

/// A reader of PEM files that checks them, so that a mistake is found at the start and not at the first connection.
package enum PEMFile {
    /// The largest accepted file in bytes, four times the bundle of all public authorities.
    private static let maxBytes = 1 << 20

    /// Returns the contents of a file with one or more certificates.
    package static func certificates(at path: String) throws(TLSError) -> [UInt8] {
        let bytes = try read(path, .certificate)
        let count = withBIO(bytes) { bio in
            var count = 0
            while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
                X509_free(certificate)
                count += 1
            }
            return count
        }
        // Behind the last certificate, a start line is missing.
        let error = takeError()
        guard error.isMissingStart else { throw TLSError(.certificate, "it has a broken certificate (\(error.text))") }
        guard count > 0 else { throw TLSError(.certificate, "it has no certificate") }
        return bytes
    }

    /// Returns the contents of a file with a private key that is not encrypted.
    package static func privateKey(at path: String) throws(TLSError) -> [UInt8] {
        let bytes = try read(path, .key)
        EVP_PKEY_free(try parseKey(bytes))
        return bytes
    }

    /// Parses a private key, which the caller frees.
    static func parseKey(_ bytes: [UInt8]) throws(TLSError) -> OpaquePointer {
        // Without this callback, OpenSSL would ask for the password of an encrypted key on the terminal.
        let key = withBIO(bytes) { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in -1 }, nil) }
        let error = takeError()
        guard let key else {
            let reason = "it has no private key that can be used without a password"
            throw TLSError(.key, error.isMissingStart ? "it has no private key" : "\(reason) (\(error.text))")
        }
        return key
    }

    private static func read(_ path: String, _ subject: TLSError.Subject) throws(TLSError) -> [UInt8] {
        let data: Data?
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            data = try file.read(upToCount: maxBytes + 1)
        } catch {
            throw TLSError(subject, "it cannot be read")
        }
        let bytes = [UInt8](data ?? Data())
        guard bytes.count <= maxBytes else { throw TLSError(subject, "it has more than \(maxBytes) bytes") }
        return bytes
    }

    private static func withBIO<Result>(_ bytes: [UInt8], _ body: (OpaquePointer?) -> Result) -> Result {
        ERR_clear_error()
        return bytes.withUnsafeBytes { bytes in
            let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
            defer { BIO_free(bio) }
            return body(bio)
        }
    }

    /// Returns the last error of this thread and forgets it.
    private static func takeError() -> (isMissingStart: Bool, text: String) {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        let text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "unknown error"
        return (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE, text)
    }
}
