import Foundation
package import NIOCore
import NIOHTTP1
import NIOPosix

/// A small HTTP/1.1 client for loopback. It opens one connection per request and buffers the whole response.
package enum HTTPClientLite {
    package struct Response: Sendable {
        package let status: Int
        /// In response order, with the names as the server sent them.
        package let headers: [(name: String, value: String)]
        package let body: ByteBuffer

        package var text: String { String(buffer: body) }

        package var json: JSON {
            get throws { try JSON(parsing: text) }
        }

        /// Returns the first header with that name, ignoring case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Sends a request and waits for the whole response, whatever its status.
    ///
    /// - Parameters:
    ///   - url: `http://host:port/path?query`, already percent-encoded.
    ///   - maxBodyBytes: The largest accepted response body.
    /// - Throws: ``Failure``, ``DeadlineExceeded``, or NIO's error when nothing listens on the port.
    package static func request(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: String? = nil,
        within duration: Duration = .seconds(10), maxBodyBytes: Int = 64 << 20
    ) async throws -> Response {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host else {
            throw Failure(description: "\(url) is not http://host:port/…")
        }
        let port = parts.port ?? 80
        var target = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        if let query = parts.percentEncodedQuery { target += "?\(query)" }
        var fields = HTTPHeaders([("Host", "\(host):\(port)"), ("Connection", "close")] + headers)
        if let body { fields.replaceOrAdd(name: "Content-Length", value: "\(body.utf8.count)") }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: method), uri: target, headers: fields)
        return try await withDeadline("\(method) \(url) was answered", duration) {
            try await exchange(head, body, host: host, port: port, maxBodyBytes: maxBodyBytes)
        }
    }

    package static func get(_ url: String, headers: [(String, String)] = []) async throws -> Response {
        try await request("GET", url, headers: headers)
    }

    /// Posts a JSON body.
    package static func post(
        _ url: String, json: String, headers: [(String, String)] = []
    ) async throws -> Response {
        try await request("POST", url, headers: [("Content-Type", "application/json")] + headers, body: json)
    }

    private static func exchange(
        _ head: HTTPRequestHead, _ body: String?, host: String, port: Int, maxBodyBytes: Int
    ) async throws -> Response {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            // Flushed together: a server may respond and close as soon as it has the head of a request without a body.
            let payload = body.map { [HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: $0)))] } ?? []
            // An answer may also come before the body was sent, and with it the end of the connection.
            var writeError: (any Error)?
            do {
                try await outbound.write(contentsOf: [.head(head)] + payload + [.end(nil)])
            } catch {
                writeError = error
            }
            var answer: HTTPResponseHead?
            var content = ByteBuffer()
            for try await part in inbound {
                switch part {
                case .head(let head): answer = head
                case .body(let bytes):
                    content.writeImmutableBuffer(bytes)
                    guard content.readableBytes <= maxBodyBytes else {
                        throw Failure(description: "the answer is longer than \(maxBodyBytes) bytes")
                    }
                case .end:
                    guard let answer else { break }
                    let headers = answer.headers.map { (name: $0.name, value: $0.value) }
                    return Response(status: Int(answer.status.code), headers: headers, body: content)
                }
            }
            throw writeError ?? Failure(description: "the connection ended before the answer did")
        }
    }
}
