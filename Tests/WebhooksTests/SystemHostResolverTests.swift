import TestSupport
import Testing

@testable import Webhooks

/// Host lookups use the system's resolver, so that every spelling of an address is recognised.
@Suite("Host resolution")
struct SystemHostResolverTests {
    @Test(
        "Unusual notations of loopback resolve to loopback",
        arguments: ["127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.0.0.1", "localhost"])
    func oddSpellings(host: String) async throws {
        let addresses = try await SystemHostResolver().addresses(of: host)
        #expect(!addresses.isEmpty)
        #expect(addresses.allSatisfy { AddressScope(of: $0) == .loopback })
    }

    @Test("An unknown host is an error that names it")
    func unknown() async throws {
        let error = await #expect(throws: WebhookError.self) {
            _ = try await SystemHostResolver().addresses(of: "no..such..host")
        }
        #expect(error?.description.contains("no..such..host") == true)
    }

    @Test("Cancellation does not wait for name servers")
    func cancelled() async throws {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await SystemHostResolver().addresses(of: "localhost")
        }
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
