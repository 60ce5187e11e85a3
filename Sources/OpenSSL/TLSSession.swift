import COpenSSL
import NIOCore

/// One TLS connection between two buffers: ciphertext that was received, and ciphertext to send.
///
/// Limits what a peer can make OpenSSL hold or do: input before the handshake is complete to 32 KiB, and records without
/// data, such as key updates, in proportion to the data sent.
final class TLSSession {
    enum Input {
        case bytes(Int)
        /// More ciphertext is needed.
        case incomplete
        /// The peer sent `close_notify` (RFC 8446 section 6.1).
        case end
    }

    /// The largest amount of ciphertext that a peer may send before the handshake is complete.
    private static let maxHandshakeBytes = 32 * 1024
    /// The number of records without data that a peer may send, in all, and one more for each ``bytesPerControlRecord``.
    private static let freeControlRecords = 32
    private static let bytesPerControlRecord = 16 * 1024

    private let ssl: OpaquePointer
    private(set) var isComplete = false
    /// True after the peer's `close_notify`. Everything behind it is ignored (RFC 8446 section 6.1).
    private var hasEnded = false
    private var handshakeByteCount = 0
    private var dataByteCount = 0
    fileprivate var controlRecordCount = 0
    /// Received ciphertext that OpenSSL has not taken yet.
    fileprivate(set) var input: ByteBuffer?
    /// Ciphertext to send.
    fileprivate var output = ByteBuffer()

    fileprivate var isOverBudget: Bool {
        controlRecordCount > Self.freeControlRecords + dataByteCount / Self.bytesPerControlRecord
    }

    /// - Parameter peer: The server's host name or IP address, which its certificate must be for; `nil` for servers.
    init(_ context: TLSContext, peer: String?) throws(TLSError) {
        ERR_clear_error()
        guard let ssl = context.makeConnection() else { throw TLSError(.openSSL, "out of memory") }
        self.ssl = ssl
        guard let bio = BIO_new(bufferBIO) else { throw TLSError(.openSSL, "out of memory") }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_bio(ssl, bio, bio)
        if context.isServer { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
        if let peer { try verify(peer) }
    }

    deinit {
        SSL_free(ssl)
    }

    /// Requires the server's certificate to be for `peer`. A host name is also sent as SNI; an IP address must not be
    /// (RFC 6066 section 3).
    private func verify(_ peer: String) throws(TLSError) {
        let parameters = SSL_get0_param(ssl)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, peer) == 1 { return }
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard X509_VERIFY_PARAM_set1_host(parameters, peer, 0) == 1, COpenSSL_set_server_name(ssl, peer) == 1 else {
            throw TLSError(.handshake, "\(peer) is not a host name")
        }
    }

    /// Takes ciphertext that was received.
    func receive(_ bytes: consuming ByteBuffer) throws(TLSError) {
        guard !hasEnded else { return }
        if !isComplete {
            handshakeByteCount += bytes.readableBytes
            guard handshakeByteCount <= Self.maxHandshakeBytes else {
                throw TLSError(.handshake, "more than \(Self.maxHandshakeBytes) bytes before the handshake is complete")
            }
        }
        if input == nil {
            input = bytes
        } else {
            input?.writeBuffer(&bytes)
        }
    }

    /// Continues the handshake. Returns true when it is complete, and false when more ciphertext is needed.
    func handshake() throws(TLSError) -> Bool {
        ERR_clear_error()
        let code = SSL_do_handshake(ssl)
        if code == 1 {
            isComplete = true
            SSL_set_msg_callback(ssl, countControlRecords)
            COpenSSL_set_message_callback_argument(ssl, Unmanaged.passUnretained(self).toOpaque())
            return true
        }
        if SSL_get_error(ssl, code) == SSL_ERROR_WANT_READ { return false }
        let verification = SSL_get_verify_result(ssl)
        let reason = OpenSSLErrors.take() ?? "the handshake failed"
        guard verification != X509_V_OK, let text = X509_verify_cert_error_string(verification) else {
            throw TLSError(.handshake, reason)
        }
        throw TLSError(.handshake, "\(reason): \(String(cString: text))")
    }

    /// Decrypts received data into `target`, at most one record.
    func read(into target: UnsafeMutableRawBufferPointer) throws(TLSError) -> Input {
        ERR_clear_error()
        var count = 0
        if SSL_read_ex(ssl, target.baseAddress, target.count, &count) == 1 {
            dataByteCount += count
            return .bytes(count)
        }
        guard !isOverBudget else { throw TLSError(.connection, "too many records without data") }
        switch SSL_get_error(ssl, 0) {
        case SSL_ERROR_WANT_READ: return .incomplete
        case SSL_ERROR_ZERO_RETURN:
            hasEnded = true
            input = nil
            return .end
        default: throw TLSError(.connection, OpenSSLErrors.take() ?? "the connection failed")
        }
    }

    /// Encrypts data into the output.
    func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        guard bytes.count > 0 else { return }
        ERR_clear_error()
        var count = 0
        // The output takes everything, so nothing is written in part.
        guard SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count) == 1 else {
            throw TLSError(.connection, OpenSSLErrors.take() ?? "the connection failed")
        }
    }

    /// Ends the output with `close_notify`.
    func closeOutput() {
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Takes the ciphertext to send, if there is any.
    func takeOutput() -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        defer { output = ByteBuffer() }
        return output
    }

    /// Makes room for the ciphertext of `count` bytes of data.
    func reserveOutput(for count: Int) {
        // A record takes up to 16 KiB of data and at most 256 + 5 bytes more; the usual is 22 to 29.
        output.reserveCapacity(minimumWritableBytes: count + 32 * (count / 16_384 + 1))
    }
}

/// A BIO over the two buffers of a ``TLSSession``.
///
/// A memory BIO of OpenSSL would keep its largest size for as long as the connection lives.
private nonisolated(unsafe) let bufferBIO: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "Windsock") else { return nil }
    BIO_meth_set_create(method) { bio in
        BIO_set_init(bio, 1)
        return 1
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    BIO_meth_set_read(method) { bio, target, count in
        COpenSSL_BIO_clear_retry_flags(bio)
        guard let session = session(BIO_get_data(bio)), let target, count > 0 else { return -1 }
        let available = session.input?.readableBytes ?? 0
        guard available > 0, !session.isOverBudget else {
            COpenSSL_BIO_set_retry_read(bio)
            return -1
        }
        let taken = min(available, Int(count))
        session.input?.readWithUnsafeReadableBytes { bytes in
            UnsafeMutableRawBufferPointer(start: target, count: taken)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
            return taken
        }
        if taken == available { session.input = nil }
        return Int32(taken)
    }
    BIO_meth_set_write(method) { bio, bytes, count in
        COpenSSL_BIO_clear_retry_flags(bio)
        guard let session = session(BIO_get_data(bio)), let bytes, count > 0 else { return -1 }
        session.output.writeBytes(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        return count
    }
    return method
}()

private func session(_ pointer: UnsafeMutableRawPointer?) -> TLSSession? {
    pointer.map { Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue() }
}

/// Counts the records that a peer sends after the handshake and that are not data. In TLS 1.3 the type is inside the
/// encrypted record; OpenSSL reports it separately.
private func countControlRecords(
    isWrite: Int32, _: Int32, contentType: Int32, bytes: UnsafeRawPointer?, count: Int, _: OpaquePointer?,
    argument: UnsafeMutableRawPointer?
) {
    guard isWrite == 0, contentType == SSL3_RT_HEADER || contentType == SSL3_RT_INNER_CONTENT_TYPE,
        count > 0, let bytes, let session = session(argument)
    else { return }
    let isData = bytes.load(as: UInt8.self) == UInt8(SSL3_RT_APPLICATION_DATA)
    if !isData { session.controlRecordCount += 1 }
}
