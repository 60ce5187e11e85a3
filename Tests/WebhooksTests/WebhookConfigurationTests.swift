import Testing

@testable import Webhooks

/// A webhook that cannot work or would leak data is rejected before anything is sent.
@Suite("Webhook configuration")
struct WebhookConfigurationTests {
    @Test(
        "Invalid URLs are rejected",
        arguments: [
            ("ftp://example.com/", .badScheme("ftp")), ("file:///etc/passwd", .badScheme("file")),
            ("http+unix://%2Fvar%2Frun%2Fdocker.sock/", .badScheme("http+unix")), ("unix:///tmp/s", .badScheme("unix")),
            ("example.com/hook", .badScheme(nil)), ("", .notURL), ("http://exa mple.com/", .notURL),
            ("http://example.com/\r\nX: y", .notURL), ("http:///path", .badHost), ("http://%31%32%37.0.0.1/", .badHost),
            ("http://fe80::1/", .notURL), ("http://[fe80::1%25eth0]/", .badHost),
            ("http://user@example.com/", .userInfo), ("http://user:pass@example.com/", .userInfo),
            ("http://:pass@example.com/", .userInfo), ("http://@127.0.0.1/", .userInfo),
            (#"http://example.com\@127.0.0.1/"#, .notURL), ("http://example.com:80@127.0.0.1/", .userInfo),
            ("http://[::1/", .notURL), ("http://münchen.example/", .notURL),
            ("https://example.com/#part", .fragment), ("http://example.com:0/", .badPort),
            ("http://example.com:65536/", .badPort),
        ] as [(String, WebhookError)])
    func badURLs(text: String, error: WebhookError) {
        #expect(throws: error) { _ = try WebhookURL(text) }
    }

    @Test("Too long a URL is rejected")
    func longURL() {
        let text = "https://example.com/" + String(repeating: "a", count: 2048)
        #expect(throws: WebhookError.urlTooLong(byteCount: 2068)) { _ = try WebhookURL(text) }
    }

    @Test(
        "Valid URLs are accepted, and printed without path and query",
        arguments: [
            ("https://hooks.example.com", "hooks.example.com", 443, "https://hooks.example.com/"),
            ("HTTP://Hooks.Example.com:8080/", "Hooks.Example.com", 8080, "http://Hooks.Example.com:8080/"),
            ("https://example.com/services/T0/secret", "example.com", 443, "https://example.com/REDACTED"),
            ("http://example.com?token=secret", "example.com", 80, "http://example.com/REDACTED"),
            ("http://[::ffff:127.0.0.1]:81/x", "::ffff:127.0.0.1", 81, "http://[::ffff:127.0.0.1]:81/REDACTED"),
            ("http://127.1/", "127.1", 80, "http://127.1/"),
            ("http://my_host.lan./", "my_host.lan.", 80, "http://my_host.lan./"),
        ])
    func goodURLs(text: String, host: String, port: Int, shown: String) throws {
        let url = try WebhookURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.description == shown)
    }

    @Test("Errors say what is allowed, without secrets")
    func errors() throws {
        let error = #expect(throws: WebhookError.self) {
            _ = try WebhookConfiguration(url: "https://user:hunter2@example.com/")
        }
        let text = try #require(error).description
        #expect(text.contains("allowed: ") && !text.contains("hunter2") && !text.contains("user:"))
        let short = #expect(throws: WebhookError.secretTooShort(byteCount: 7)) {
            _ = try WebhookConfiguration(url: "https://example.com/", secret: "hunter2")
        }
        #expect(try #require(short).description == "the webhook's secret has 7 bytes; allowed: at least 16")
    }

    @Test("A printed configuration contains neither the secret nor the URL's path and query")
    func notShown() throws {
        let configuration = try WebhookConfiguration(
            url: "https://example.com/services/very-hidden?key=very-hidden", secret: testSecret)
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains(testSecret) && !text.contains("very-hidden"))
        }
    }

    @Test("Values out of range are rejected")
    func ranges() {
        for timeout in [Duration.zero, .seconds(301)] {
            #expect(throws: WebhookError.self) {
                _ = try WebhookConfiguration(url: "https://example.com/", timeout: timeout)
            }
        }
        for retries in [
            WebhookRetryPolicy(firstWait: .zero), WebhookRetryPolicy(firstWait: .seconds(10), longestWait: .seconds(5)),
            WebhookRetryPolicy(longestRetryAfter: .seconds(-1)), WebhookRetryPolicy(maxAttempts: 0),
            WebhookRetryPolicy(maxAge: .seconds(31 * 86_400)), WebhookRetryPolicy(firstWait: .seconds(90_000)),
        ] {
            #expect(throws: WebhookError.self) {
                _ = try WebhookConfiguration(url: "https://example.com/", retries: retries)
            }
        }
    }
}
