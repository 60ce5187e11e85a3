import COpenSSL
import Foundation

/// The settings of TLS connections: a certificate for servers, trusted roots for clients.
///
/// Allows TLS 1.2 and later (RFC 8996), and in TLS 1.2 only cipher suites with forward secrecy and authenticated
/// encryption (RFC 9325 section 4.2). Renegotiation and compression are off.
package final class TLSContext: @unchecked Sendable {
    // OpenSSL allows connections to be made of one context on several threads once its settings no longer change.
    let pointer: OpaquePointer
    let isServer: Bool
    /// The last second in which the server's own certificate is valid, in Unix seconds; `nil` for clients.
    package private(set) var validUntil: Int?

    /// Creates a server's context.
    ///
    /// - Parameters:
    ///   - certificateFile: The path of a PEM file with the chain, the server's own certificate first.
    ///   - keyFile: The path of a PEM file with the key of that certificate, without a passphrase.
    package init(certificateFile: String, keyFile: String) throws(TLSError) {
        isServer = true
        pointer = try Self.make(TLS_server_method())
        SSL_CTX_set_alpn_select_cb(pointer, selectHTTP1, nil)
        guard SSL_CTX_use_certificate_chain_file(pointer, certificateFile) == 1,
            let certificate = SSL_CTX_get0_certificate(pointer)
        else { throw Self.failure(.certificate) }
        let key = try PEMFile.parseKey(PEMFile.privateKey(at: keyFile))
        defer { EVP_PKEY_free(key) }
        guard SSL_CTX_use_PrivateKey(pointer, key) == 1, SSL_CTX_check_private_key(pointer) == 1 else {
            throw Self.failure(.mismatch)
        }
        validUntil = unixSeconds(X509_get0_notAfter(certificate))
    }

    /// Creates a client's context, which verifies the server's certificate.
    ///
    /// - Parameter caFile: The path of a PEM file with trusted roots; `nil` for the system's.
    package init(caFile: String?) throws(TLSError) {
        isServer = false
        pointer = try Self.make(TLS_client_method())
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        let isLoaded =
            if let caFile { SSL_CTX_load_verify_file(pointer, caFile) } else {
                SSL_CTX_set_default_verify_paths(pointer)
            }
        guard isLoaded == 1 else { throw Self.failure(.roots) }
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    /// Creates the OpenSSL object of one connection, which the caller frees; `nil` without memory.
    func makeConnection() -> OpaquePointer? { SSL_new(pointer) }

    private static func make(_ method: OpaquePointer?) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(method) else { throw failure(.openSSL) }
        guard COpenSSL_set_defaults(context) == 1,
            SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1
        else {
            SSL_CTX_free(context)
            throw failure(.openSSL)
        }
        return context
    }

    private static func failure(_ subject: TLSError.Subject) -> TLSError {
        TLSError(subject, OpenSSLErrors.take() ?? "unknown reason")
    }
}

/// Selects `http/1.1` when the client offers it (RFC 7301 section 3.2), and nothing otherwise.
private func selectHTTP1(
    _: OpaquePointer?, selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    selectedCount: UnsafeMutablePointer<UInt8>?, offered: UnsafePointer<UInt8>?, offeredCount: UInt32,
    _: UnsafeMutableRawPointer?
) -> Int32 {
    let offered = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
    var index = 0
    while index < offered.count {
        let count = Int(offered[index])
        guard index + 1 + count <= offered.count else { break }
        if offered[(index + 1)...].prefix(count).elementsEqual("http/1.1".utf8) {
            selected?.pointee = offered.baseAddress.map { $0 + index + 1 }
            selectedCount?.pointee = UInt8(count)
            return SSL_TLSEXT_ERR_OK
        }
        index += 1 + count
    }
    return SSL_TLSEXT_ERR_NOACK
}

private func unixSeconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int? {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
    return timegm(&parts)
}

/// The reason that TLS could not be set up or that a connection failed.
package struct TLSError: Error, CustomStringConvertible {
    package enum Subject: Sendable {
        /// The server's certificate chain.
        case certificate
        /// The server's key.
        case key
        /// The combination of key and certificate: the key does not belong to the certificate.
        case mismatch
        /// The client's trusted roots.
        case roots
        /// The peer, in the handshake.
        case handshake
        /// The peer, later.
        case connection
        /// OpenSSL itself.
        case openSSL
    }

    package let subject: Subject
    package let description: String

    init(_ subject: Subject, _ description: String) {
        self.subject = subject
        self.description = description
    }
}

/// The queue of errors that OpenSSL keeps for each thread.
enum OpenSSLErrors {
    /// Empties the queue and returns the first error's text; `nil` if the queue was empty.
    static func take() -> String? {
        let code = ERR_peek_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return nil }
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "OpenSSL error \(code)"
    }
}
