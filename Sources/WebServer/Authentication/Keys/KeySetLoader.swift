import Foundation
import HTTPRequests

/// A loader of key sets from files and URLs. It limits the size of a set and the time of a fetch.
struct KeySetLoader: Sendable {
    /// The largest key set in bytes; larger ones are refused.
    static let maximumByteCount = 256 * 1024

    /// The time limit for a whole fetch, from the DNS lookup to the last byte.
    let timeout: Duration

    init(timeout: Duration = .seconds(5)) {
        self.timeout = timeout
    }

    func load(_ source: JWKSource) async throws(TokenKeyError) -> [UInt8] {
        switch source {
        case .file(let path): try Self.read(path)
        case .url(let url): try await fetch(url)
        }
    }

    private static func read(_ path: String) throws(TokenKeyError) -> [UInt8] {
        guard FileStamp(path: path) != nil else { throw .unreadable("the file does not exist") }
        let data: Data?
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            data = try file.read(upToCount: maximumByteCount + 1)
        } catch {
            throw .unreadable("the file cannot be read")
        }
        let bytes = [UInt8](data ?? Data())
        guard bytes.count <= maximumByteCount else { throw .tooLarge(maxBytes: maximumByteCount) }
        return bytes
    }

    /// Fetches the set over a connection that is made for this fetch only, because fetches are minutes apart.
    private func fetch(_ url: String) async throws(TokenKeyError) -> [UInt8] {
        let request = HTTPClient.Request(
            url, headers: [("Accept", "application/jwk-set+json, application/json")], connectTimeout: timeout,
            deadline: .now + timeout, maxBodyBytes: Self.maximumByteCount)
        do {
            let response = try await HTTPClient(reusesConnections: false).response(to: request)
            guard response.status == 200 else { throw TokenKeyError.status(response.status) }
            switch response.body {
            case .complete(let bytes): return bytes
            case .tooLong: throw TokenKeyError.tooLarge(maxBytes: Self.maximumByteCount)
            case .incomplete(let error): throw error
            }
        } catch let problem as TokenKeyError {
            throw problem
        } catch let failure as HTTPFailure where [.timedOut, .connectTimedOut].contains(failure.kind) {
            throw .timedOut(timeout)
        } catch {
            throw .unreadable("\(error)")
        }
    }
}

/// The source of the public keys for tokens: a JWK Set (RFC 7517) in a file or at a URL.
package enum JWKSource: Sendable, Hashable, CustomStringConvertible {
    /// The path of a file.
    case file(String)
    /// An `http` or `https` URL without user or password.
    case url(String)

    /// Parses a setting: a text with `://` in it is a URL, everything else a path.
    package init(_ text: String) throws(TokenKeyError) {
        guard !text.isEmpty, !text.utf8.contains(0) else { throw .invalidSource }
        guard text.contains("://") else {
            self = .file(text)
            return
        }
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), parts.host?.isEmpty == false, parts.user == nil, parts.password == nil
        else { throw .invalidSource }
        self = .url(text)
    }

    /// True when reading the source needs no network.
    var isFile: Bool {
        if case .file = self { true } else { false }
    }

    /// The path, or the URL without its query and fragment, which may hold a secret. Safe to log.
    package var description: String {
        switch self {
        case .file(let path): path
        case .url(let text): String(text.prefix { $0 != "?" && $0 != "#" })
        }
    }
}

/// A fingerprint of a file, made of its modification time, size and number (inode). It shows a change of the file
/// without reading it. Symbolic links are followed, because mounted secrets are often replaced by switching a link.
package struct FileStamp: Equatable, Sendable {
    private let modifiedAt: Date?
    private let byteCount: UInt64?
    private let fileNumber: UInt64?

    /// Reads the fingerprint; `nil` when no such regular file exists.
    package init?(path: String) {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
            attributes[.type] as? FileAttributeType == .typeRegular
        else { return nil }
        modifiedAt = attributes[.modificationDate] as? Date
        byteCount = (attributes[.size] as? NSNumber)?.uint64Value
        fileNumber = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value
    }
}
