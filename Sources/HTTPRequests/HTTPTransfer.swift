import CCurl
import Core
import Foundation

/// A request in progress: libcurl's handle with its options, and the part of the response that has arrived.
///
/// `@unchecked Sendable`: ``isCancelled`` is protected by the client's lock. Everything else is used by the task that
/// makes the request until it hands the transfer over, and from then on by the client's thread.
final class HTTPTransfer: @unchecked Sendable {
    /// The most bytes of a response's header lines, those of interim responses and trailers included.
    static let maxHeaderBytes = 65_536

    /// True if libcurl could be initialised, which is done once.
    static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    let handle: UnsafeMutableRawPointer
    var isCancelled = false
    var continuation: CheckedContinuation<HTTPClient.Response, any Error>?
    private(set) var deadline: ContinuousClock.Instant

    private let bodyTimeout: Duration?
    private let maxBodyBytes: Int
    /// libcurl's explanation of a failure.
    private let explanation: UnsafeMutablePointer<CChar>
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    /// True when a connection, with TLS where the URL wants it, was ready to take the request.
    private var isConnected = false
    private var headerBytes = 0
    private var isHeadComplete = false
    private var body: [UInt8] = []
    private var isBodyTooLong = false

    /// - Throws: ``HTTPFailure`` of kind `notMade`.
    init(_ request: HTTPClient.Request, tls: HTTPClient.TLS, reusesConnections: Bool) throws(HTTPFailure) {
        guard Self.isLibraryReady, let handle = curl_easy_init() else { throw .outOfMemory }
        self.handle = handle
        deadline = request.deadline
        bodyTimeout = request.bodyTimeout
        maxBodyBytes = request.maxBodyBytes
        explanation = .allocate(capacity: Int(CURL_ERROR_SIZE))
        explanation.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try setCallbacks()
        try setPolicy()
        try set(tls)
        try set(request)
        try set(CURLOPT_FRESH_CONNECT, reusesConnections ? 0 : 1)
        try set(CURLOPT_FORBID_REUSE, reusesConnections ? 0 : 1)
    }

    deinit {
        curl_easy_cleanup(handle)
        for list in lists { curl_slist_free_all(list) }
        explanation.deallocate()
    }

    // MARK: Result

    /// Resumes the task. Call it once, after the handle was removed.
    ///
    /// - Parameter error: The reason that the transfer ended, `nil` when the response is complete.
    func end(throwing error: (any Error)?) {
        var status = 0
        _ = curl_get_number(handle, CURLINFO_RESPONSE_CODE, &status)
        if isHeadComplete {
            let body: HTTPClient.Response.Body =
                if isBodyTooLong { .tooLong } else if let error { .incomplete(error) } else { .complete(body) }
            continuation?.resume(returning: HTTPClient.Response(status: status, headers: headers, body: body))
        } else {
            continuation?.resume(throwing: error ?? HTTPFailure(.broken, "no response"))
        }
        continuation = nil
    }

    private var headers: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        var last: UnsafeMutablePointer<curl_header>?
        while let next = curl_easy_nextheader(handle, UInt32(CURLH_HEADER), -1, last) {
            headers.append((String(cString: next.pointee.name), String(cString: next.pointee.value)))
            last = next
        }
        return headers
    }

    /// Returns the failure for a result of libcurl, `nil` for a success.
    func failure(_ result: CURLcode) -> HTTPFailure? {
        switch result {
        case CURLE_OK: return nil
        case CURLE_COULDNT_RESOLVE_HOST: return HTTPFailure(.notResolved, "the host name cannot be resolved")
        case CURLE_COULDNT_CONNECT where !isConnected:
            var number = 0
            _ = curl_get_number(handle, CURLINFO_OS_ERRNO, &number)
            let reason = number == 0 ? "" : ": " + String(cString: strerror(Int32(number)))
            return HTTPFailure(.notConnected, "no connection" + reason)
        case CURLE_OPERATION_TIMEDOUT where !isConnected: return HTTPFailure(.connectTimedOut, "connecting timed out")
        case CURLE_WRITE_ERROR where headerBytes > Self.maxHeaderBytes:
            return HTTPFailure(.broken, "the response's headers are longer than \(Self.maxHeaderBytes) bytes")
        case CURLE_ABORTED_BY_CALLBACK: return HTTPFailure(.broken, "the connection ended without a response")
        default: return HTTPFailure(Self.tlsErrors.contains(result.rawValue) ? .tls : .broken, text(of: result))
        }
    }

    private static let tlsErrors: Set<UInt32> = [
        CURLE_SSL_CONNECT_ERROR.rawValue, CURLE_PEER_FAILED_VERIFICATION.rawValue, CURLE_SSL_CERTPROBLEM.rawValue,
        CURLE_SSL_CIPHER.rawValue, CURLE_SSL_CACERT_BADFILE.rawValue, CURLE_SSL_ISSUER_ERROR.rawValue,
        CURLE_SSL_CLIENTCERT.rawValue,
    ]

    /// Returns libcurl's explanation, or the general text. It may quote a certificate's names, so control characters
    /// are replaced. libcurl limits its length.
    private func text(of result: CURLcode) -> String {
        let text = explanation.pointee == 0 ? String(cString: curl_easy_strerror(result)) : String(cString: explanation)
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            safe.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(safe)
    }

    // MARK: Callbacks

    private static func transfer(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer? {
        context.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Has libcurl call this transfer, on the client's thread. The client holds the transfer while libcurl has it.
    private func setCallbacks() throws(HTTPFailure) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_PREREQDATA] { try set(option, context) }
        try set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(explanation))
        try check(
            curl_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                HTTPTransfer.transfer(context)?.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
                    == true ? size * count : 0
            })
        try check(
            curl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                HTTPTransfer.transfer(context)?.receiveBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
                    == true ? size * count : 0
            })
        // libcurl would send the request again when a reused connection turns out to be closed. The receiver may have
        // processed the first one, and the callers retry themselves.
        try check(
            curl_set_prerequest(handle) { context, _, _, _, _ in
                guard let transfer = HTTPTransfer.transfer(context), !transfer.isConnected else {
                    return CURL_PREREQFUNC_ABORT
                }
                transfer.isConnected = true
                return CURL_PREREQFUNC_OK
            })
        try check(
            curl_set_socket_setup(handle) { _, socket, _ in
                fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR
            })
    }

    /// Receives one header line, the status line or the empty line behind the headers. Returns false to give up.
    private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= Self.maxHeaderBytes else { return false }
        guard !isHeadComplete, line.first == UInt8(ascii: "\r") || line.first == UInt8(ascii: "\n") else { return true }
        var status = 0
        _ = curl_get_number(handle, CURLINFO_RESPONSE_CODE, &status)
        // Interim responses (1xx) precede the one that counts.
        guard status >= 200 else { return true }
        isHeadComplete = true
        if let bodyTimeout { deadline = min(deadline, .now + bodyTimeout) }
        return true
    }

    /// Receives a part of the body. Returns false to give up.
    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        isBodyTooLong = body.count + bytes.count > maxBodyBytes
        if !isBodyTooLong { body += bytes }
        return !isBodyTooLong
    }

    // MARK: Options

    /// Sets what is the same for all requests.
    private func setPolicy() throws(HTTPFailure) {
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        try set(CURLOPT_HTTP09_ALLOWED, 0)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        // An empty name also overrides the variables of the environment.
        try set(CURLOPT_PROXY, "")
        try set(CURLOPT_NETRC, 0)
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        // The path is sent as it is.
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_NOSIGNAL, 1)
        // A transfer that ends early does not wait for the thread that resolves its name.
        try set(CURLOPT_QUICK_EXIT, 1)
        // Names are resolved for each connection.
        try set(CURLOPT_DNS_CACHE_TIMEOUT, 0)
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
    }

    private func set(_ tls: HTTPClient.TLS) throws(HTTPFailure) {
        if let authorities = tls.certificateAuthorities {
            try set(CURLOPT_CAINFO_BLOB, authorities)
            // Debian's libcurl would also trust all certificates in the system's folder.
            try set(CURLOPT_CAPATH, nil as UnsafeMutableRawPointer?)
        }
        if let certificate = tls.clientCertificate { try set(CURLOPT_SSLCERT_BLOB, certificate) }
        if let key = tls.clientKey { try set(CURLOPT_SSLKEY_BLOB, key) }
    }

    private func set(_ request: HTTPClient.Request) throws(HTTPFailure) {
        guard request.url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw HTTPFailure(.notMade, "the URL has a space or a control character")
        }
        try set(CURLOPT_URL, request.url)
        try set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(request.connectTimeout / .milliseconds(1))))
        if let address = request.address {
            // For any host and port of the URL. Unlike CURLOPT_RESOLVE, this does not depend on how libcurl spells them.
            try set(CURLOPT_CONNECT_TO, ["::" + (address.contains(":") ? "[\(address)]" : address) + ":"])
        }
        if let body = request.body {
            try set(CURLOPT_POST, 1)
            try set(CURLOPT_POSTFIELDSIZE, body.count)
            // Without an address, libcurl would read the body from a callback.
            try check(
                (body.isEmpty ? [0] : body).withUnsafeBytes { bytes in
                    curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress)
                })
        }
        try set(CURLOPT_HTTPHEADER, try Self.lines(request.headers))
    }

    /// Returns the headers in libcurl's form: `name: value`; `name;` for an empty value; `name:` for none of libcurl's
    /// own.
    private static func lines(_ headers: [(name: String, value: String)]) throws(HTTPFailure) -> [String] {
        var lines: [String] = []
        var own: Set = ["accept", "content-type"]
        for (name, value) in headers {
            guard name.isHTTPToken, value.isHTTPFieldValue else {
                throw HTTPFailure(.notMade, "a header has a character that is not allowed")
            }
            let lowercased = name.lowercased()
            // libcurl sets those that frame the body.
            if ["content-length", "transfer-encoding", "expect"].contains(lowercased) { continue }
            own.remove(lowercased)
            lines.append(value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 } ? "\(name);" : "\(name): \(value)")
        }
        return lines + own.map { "\($0):" } + ["Expect:"]
    }

    /// Throws when libcurl does not accept an option. No request is made with fewer than all of them.
    private func check(_ code: CURLcode) throws(HTTPFailure) {
        guard code == CURLE_OK else {
            throw HTTPFailure(.notMade, "libcurl refuses an option: " + String(cString: curl_easy_strerror(code)))
        }
    }

    private func set(_ option: CURLoption, _ number: Int) throws(HTTPFailure) {
        try check(curl_set_number(handle, option, number))
    }

    private func set(_ option: CURLoption, _ pointer: UnsafeMutableRawPointer?) throws(HTTPFailure) {
        try check(curl_set_pointer(handle, option, pointer))
    }

    /// Sets a text, which libcurl copies.
    private func set(_ option: CURLoption, _ text: String) throws(HTTPFailure) {
        try check(text.withCString { curl_set_pointer(handle, option, $0) })
    }

    /// Sets bytes, which libcurl copies.
    private func set(_ option: CURLoption, _ bytes: [UInt8]) throws(HTTPFailure) {
        var bytes = bytes
        let code = bytes.withUnsafeMutableBytes { bytes in
            var blob = curl_blob(data: bytes.baseAddress, len: bytes.count, flags: UInt32(CURL_BLOB_COPY))
            return curl_set_pointer(handle, option, &blob)
        }
        try check(code)
    }

    /// Sets a list of texts, which must exist as long as the handle.
    private func set(_ option: CURLoption, _ texts: [String]) throws(HTTPFailure) {
        var list: UnsafeMutablePointer<curl_slist>?
        for text in texts {
            guard let longer = curl_slist_append(list, text) else {
                curl_slist_free_all(list)
                throw .outOfMemory
            }
            list = longer
        }
        guard let list else { return }
        lists.append(list)
        try set(option, UnsafeMutableRawPointer(list))
    }
}
