import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Reads a key set's bytes from its file or its address, within limits of size and time.
struct KeySetLoader: Sendable {
    /// A larger set is refused.
    static let maximumByteCount = 256 * 1024

    /// How long an answer may take in all, from the look-up of the name to the last byte.
    let timeout: Duration

    init(timeout: Duration = .seconds(5)) {
        self.timeout = timeout
    }

    func load(_ source: JWKSource) async throws(KeySetError.Problem) -> [UInt8] {
        switch source {
        case .file(let path): try Self.read(path)
        case .url(let url): try await fetch(url)
        }
    }

    private static func read(_ path: String) throws(KeySetError.Problem) -> [UInt8] {
        guard FileStamp(path: path) != nil else { throw .unreadable("there is no such file") }
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

    /// A client of its own for each fetch: there is one in minutes, and no connection to keep in between.
    private func fetch(_ url: String) async throws(KeySetError.Problem) -> [UInt8] {
        do {
            return try await withThrowingTaskGroup(of: [UInt8].self) { group in
                group.addTask { try await Self.get(url) }
                group.addTask { [timeout] in
                    try await Task.sleep(for: timeout)
                    throw KeySetError.Problem.timedOut(timeout)
                }
                defer { group.cancelAll() }
                return try await group.next() ?? []
            }
        } catch let problem as KeySetError.Problem {
            throw problem
        } catch is NIOTooManyBytesError {
            throw .tooLarge(maxBytes: Self.maximumByteCount)
        } catch {
            throw .unreadable("\(error)")
        }
    }

    private static func get(_ url: String) async throws -> [UInt8] {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // What is wrong is told at once; the next refresh tries again.
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "accept", value: "application/jwk-set+json, application/json")
            let response = try await client.execute(request, deadline: .distantFuture)
            guard response.status == .ok else { throw KeySetError.Problem.status(Int(response.status.code)) }
            return Array(try await response.body.collect(upTo: maximumByteCount).readableBytesView)
        }
    }
}
