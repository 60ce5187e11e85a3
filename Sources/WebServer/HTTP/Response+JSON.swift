import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// The largest number of body bytes that are passed to a connection at once. While the connection's write buffer is
    /// above its limit, the writer waits for the socket.
    static let portionByteCount = 32 * 1024

    /// Returns a response with a body of serialized JSON.
    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        whole(ByteBuffer(bytes: bytes), type: "application/json", status: status)
    }

    /// Returns a response with a complete body, written in portions as the socket accepts them.
    static func whole(_ bytes: ByteBuffer, type: String, status: HTTPResponse.Status = .ok) -> Response {
        let body =
            bytes.readableBytes <= portionByteCount
            ? ResponseBody(byteBuffer: bytes)
            : ResponseBody(contentLength: bytes.readableBytes) { writer in
                try await writer.writePortions(of: bytes)
                try await writer.finish(nil)
            }
        return Response(status: status, headers: [.contentType: type], body: body)
    }

    /// Returns a response whose parts are produced on demand, each after the socket has accepted the one before. Only
    /// the first two parts are produced before this function returns.
    ///
    /// An error in the first two parts is thrown, so that it becomes the answer. An error in a later part ends the
    /// connection, so that a client cannot mistake a partial answer for a complete one.
    static func parts<Source: StreamedBody>(_ source: Source, type: String) async throws -> Response {
        var source = source
        let first = try await source.next() ?? []
        // Most answers have one part and need no chunked coding.
        guard let second = try await source.next() else { return whole(ByteBuffer(bytes: first), type: type) }
        let started = source
        return Response(
            status: .ok, headers: [.contentType: type],
            body: ResponseBody { writer in
                try await writer.writePortions(of: ByteBuffer(bytes: first))
                var source = started
                var part: [UInt8]? = second
                while let bytes = part {
                    try await writer.writePortions(of: ByteBuffer(bytes: bytes))
                    part = try await source.next()
                }
                try await writer.finish(nil)
            })
    }
}

/// A response body that is produced part by part.
protocol StreamedBody: Sendable {
    /// Returns the next part; nil after the last.
    mutating func next() async throws -> [UInt8]?
}

extension ResponseBodyWriter {
    /// Writes the buffer in portions, so that a slow client occupies little memory, and ``HTTPConnectionGuard`` sees
    /// its progress.
    mutating func writePortions(of buffer: ByteBuffer) async throws {
        var rest = buffer
        while let portion = rest.readSlice(length: min(Response.portionByteCount, rest.readableBytes)),
            portion.readableBytes > 0
        {
            try await write(portion)
        }
    }
}

/// The elements of a JSON array for one page of an answer, up to a size limit.
struct JSONPage {
    /// The size limit of the elements in bytes. The first element is always accepted.
    static let maxByteCount = 1 << 20

    /// The accepted elements.
    private(set) var elements: [[UInt8]] = []
    private var byteCount = 0

    /// Adds an element; returns false and adds nothing when it does not fit.
    mutating func add(_ element: [UInt8]) -> Bool {
        guard elements.isEmpty || byteCount + element.count < Self.maxByteCount else { return false }
        byteCount += element.count + 1
        elements.append(element)
        return true
    }

    /// Adds as many elements as fit and returns their number.
    mutating func add(contentsOf all: some Sequence<[UInt8]>) -> Int {
        var count = 0
        for element in all {
            guard add(element) else { break }
            count += 1
        }
        return count
    }
}
