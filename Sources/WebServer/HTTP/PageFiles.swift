import Core
import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOPosix

/// A file provider that serves the files of the web page, from memory while they do not change.
///
/// A file is open only while it is read, on a small thread pool. A slow client occupies neither a file descriptor nor a
/// copy of the file.
struct PageFiles: FileProvider {
    typealias FileAttributes = LocalFileSystem.FileAttributes
    typealias FileIdentifier = LocalFileSystem.FileIdentifier

    private final class Cache: Sendable {
        struct Entry {
            var modified: Date
            var bytes: ByteBuffer
        }

        private let entries = Lock<[String: Entry]>([:])

        func bytes(of path: String, as attributes: FileAttributes) -> ByteBuffer? {
            entries.withLock { entries in
                guard let entry = entries[path], entry.modified == attributes.modificationDate,
                    entry.bytes.readableBytes == attributes.size
                else { return nil }
                return entry.bytes
            }
        }

        func keep(_ bytes: ByteBuffer, of path: String, as attributes: FileAttributes) {
            // A file that was modified less than 2 s ago may change again without a new modification date.
            guard bytes.readableBytes == attributes.size, attributes.modificationDate.timeIntervalSinceNow < -2 else {
                return
            }
            entries.withLock { entries in
                let others = entries.values.reduce(0) { $0 + $1.bytes.readableBytes }
                if others + bytes.readableBytes > PageFiles.maxCachedBytes { entries.removeAll() }
                entries[path] = Entry(modified: attributes.modificationDate, bytes: bytes)
            }
        }
    }

    /// The size of the largest file that is served. The page has no larger one.
    private static let maxFileBytes = 4 << 20
    private static let maxCachedBytes = 32 << 20

    private let files: LocalFileSystem
    private let cache = Cache()

    init(folder: String, logger: Logger) {
        files = LocalFileSystem(rootFolder: folder, threadPool: .singleton, logger: logger)
    }

    func getFileIdentifier(_ path: String) -> FileIdentifier? { files.getFileIdentifier(path) }

    func getAttributes(id: FileIdentifier) async throws -> FileAttributes? { try await files.getAttributes(id: id) }

    func loadFile(id: FileIdentifier, context: some RequestContext) async throws -> ResponseBody {
        Self.body(try await bytes(of: id))
    }

    func loadFile(
        id: FileIdentifier, range: ClosedRange<Int>, context: some RequestContext
    ) async throws -> ResponseBody {
        // Unreachable: HTTPSemantics removes all ranges.
        throw HTTPError(.rangeNotSatisfiable)
    }

    private func bytes(of path: String) async throws -> ByteBuffer {
        guard let attributes = try await files.getAttributes(id: path), !attributes.isFolder else {
            throw HTTPError(.notFound)
        }
        if let bytes = cache.bytes(of: path, as: attributes) { return bytes }
        guard attributes.size <= Self.maxFileBytes else {
            throw Problem(.contentTooLarge, "The file is too large; allowed: at most \(Self.maxFileBytes) bytes.")
        }
        let bytes = try await NIOThreadPool.singleton.runIfActive {
            ByteBuffer(bytes: try Data(contentsOf: URL(fileURLWithPath: path)))
        }
        cache.keep(bytes, of: path, as: attributes)
        return bytes
    }

    private static func body(_ bytes: ByteBuffer) -> ResponseBody {
        guard bytes.readableBytes > Response.portionByteCount else { return ResponseBody(byteBuffer: bytes) }
        return ResponseBody(contentLength: bytes.readableBytes) { writer in
            try await writer.writePortions(of: bytes)
            try await writer.finish(nil)
        }
    }
}
