import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// Bytes that are handed to a connection at once: beyond its write buffer the writer waits for the socket.
    static let portionByteCount = 32 * 1024

    /// A response whose body is JSON that is already written.
    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        whole(ByteBuffer(bytes: bytes), type: "application/json", status: status)
    }

    /// A response with a body that is complete, written in portions as the socket takes them.
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

    /// A response whose parts are made one after the other, each when the socket has taken the one before.
    ///
    /// An error of the first two parts is the answer; a later part that cannot be made ends the connection, so that nobody takes
    /// a part for the whole.
    static func parts<Source: AnswerSource>(_ source: Source, type: String) async throws -> Response {
        var source = source
        let first = try await source.next() ?? []
        // Most answers have one part, and need no chunked coding.
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

/// An answer that is made part by part.
protocol AnswerSource: Sendable {
    /// The next part; nil after the last.
    mutating func next() async throws -> [UInt8]?
}

extension ResponseBodyWriter {
    /// Writes the buffer in portions, so that a slow client holds little and is seen to take something.
    mutating func writePortions(of buffer: ByteBuffer) async throws {
        var rest = buffer
        while let portion = rest.readSlice(length: min(Response.portionByteCount, rest.readableBytes)),
            portion.readableBytes > 0
        {
            try await write(portion)
        }
    }
}

/// The elements of a JSON array in an answer, up to the bytes that one answer may have.
struct JSONPage {
    /// JSON of the elements of one answer; the first element is always taken.
    static let maxByteCount = 1 << 20

    /// The elements that fit.
    private(set) var elements: [[UInt8]] = []
    private var byteCount = 0

    /// Takes the element; false, and nothing taken, when it does not fit any more.
    mutating func add(_ element: [UInt8]) -> Bool {
        guard elements.isEmpty || byteCount + element.count < Self.maxByteCount else { return false }
        byteCount += element.count + 1
        elements.append(element)
        return true
    }

    /// Takes as many as fit; returns how many.
    mutating func add(contentsOf all: some Sequence<[UInt8]>) -> Int {
        var count = 0
        for element in all {
            guard add(element) else { break }
            count += 1
        }
        return count
    }
}
