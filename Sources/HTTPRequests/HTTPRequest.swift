import CCurl
import Foundation

extension HTTPClient {
    /// A request, and the limits for its response. With a body it is a `POST`, without one a `GET`.
    package struct Request: Sendable {
        /// An `http` or `https` URL without a user name.
        package var url: String
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]?
        /// The IP address to connect to. The URL's host is then never resolved, but is still the one that TLS verifies.
        /// `nil` to let libcurl resolve it.
        package var address: String?
        /// The time limit for name resolution, TCP connection and TLS handshake.
        package var connectTimeout: Duration
        /// The time limit for everything.
        package var deadline: ContinuousClock.Instant
        /// The time limit for the body once the head is there, if it ends before ``deadline``.
        package var bodyTimeout: Duration?
        /// The most bytes to read of a response's body.
        package var maxBodyBytes: Int

        package init(
            _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
            address: String? = nil, connectTimeout: Duration = .seconds(10), deadline: ContinuousClock.Instant,
            bodyTimeout: Duration? = nil, maxBodyBytes: Int
        ) {
            self.url = url
            self.headers = headers
            self.body = body
            self.address = address
            self.connectTimeout = connectTimeout
            self.deadline = deadline
            self.bodyTimeout = bodyTimeout
            self.maxBodyBytes = maxBodyBytes
        }
    }

    /// A response with a complete head.
    package struct Response: Sendable {
        package let status: Int
        /// In the server's order.
        package let headers: [(name: String, value: String)]
        package let body: Body

        package enum Body: Sendable {
            case complete([UInt8])
            /// Longer than ``Request/maxBodyBytes``.
            case tooLong
            /// The connection, the time or the task ended first.
            case incomplete(any Error)
        }

        /// Returns the first header with that name, ignoring case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// The certificates of TLS connections, as the contents of PEM files (see `OpenSSL.PEMFile`).
    package struct TLS: Sendable {
        /// The certificates that are trusted, instead of the system's.
        package var certificateAuthorities: [UInt8]?
        /// The certificate chain to present. Needs ``clientKey``.
        package var clientCertificate: [UInt8]?
        package var clientKey: [UInt8]?

        package init(
            certificateAuthorities: [UInt8]? = nil, clientCertificate: [UInt8]? = nil, clientKey: [UInt8]? = nil
        ) {
            self.certificateAuthorities = certificateAuthorities
            self.clientCertificate = clientCertificate
            self.clientKey = clientKey
        }
    }
}

/// The reason that a request has no response.
///
/// The description may name the host and what its certificate says, but never headers or the URL's path and query.
package struct HTTPFailure: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The host name cannot be resolved.
        case notResolved
        /// No TCP connection could be made. Nothing was sent.
        case notConnected
        /// The connect timeout has passed, before the connection was ready. Nothing was sent.
        case connectTimedOut
        /// The TLS handshake failed. Nothing was sent.
        case tls
        /// The deadline has passed.
        case timedOut
        /// The connection ended early, or what arrived was not HTTP.
        case broken
        /// The request cannot be made, or the client was shut down.
        case notMade
    }

    package let kind: Kind
    package let description: String

    /// True if no connection was ready to take the request. Nothing was sent then, so another address can be tried.
    package var isBeforeConnection: Bool { kind == .notConnected || kind == .connectTimedOut }

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    init(_ code: CURLMcode) {
        self.init(.broken, String(cString: curl_multi_strerror(code)))
    }

    static let timedOut = HTTPFailure(.timedOut, "timed out")
    static let shutDown = HTTPFailure(.notMade, "the HTTP client was shut down")
    static let outOfMemory = HTTPFailure(.notMade, "out of memory")
}

extension String {
    /// True for a token of RFC 9110 section 5.6.2, such as the name of a header.
    package var isHTTPToken: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// True for the value of a header: no control character but the tab (RFC 9110 section 5.5).
    package var isHTTPFieldValue: Bool {
        utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}
