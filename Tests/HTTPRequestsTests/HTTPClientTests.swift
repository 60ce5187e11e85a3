import Foundation
import TestSupport
import Testing

@testable import HTTPRequests

/// One request over a real connection: what is sent, what is accepted, and when it ends.
@Suite("HTTP client")
struct HTTPClientTests {
    private let client = HTTPClient(reusesConnections: false)

    private func request(
        _ server: RawServer, _ path: String = "/", headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil, within duration: Duration = .seconds(60), bodyTimeout: Duration? = nil,
        maxBodyBytes: Int = 1000
    ) -> HTTPClient.Request {
        HTTPClient.Request(
            "http://127.0.0.1:\(server.port)\(path)", headers: headers, body: body, deadline: .now + duration,
            bodyTimeout: bodyTimeout, maxBodyBytes: maxBodyBytes)
    }

    private func text(_ body: HTTPClient.Response.Body) -> String? {
        if case .complete(let bytes) = body { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    // MARK: Request

    @Test("A request has the headers that were given and no others, and its path is not changed")
    func plain() async throws {
        let server = try await RawServer()
        let response = try await client.response(to: request(server, "/a/../b?c=%20d", headers: [("X-Y", "z")]))
        #expect(response.status == 200 && text(response.body) == "ok")
        #expect(server.requests == ["GET /a/../b?c=%20d HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nX-Y: z\r\n\r\n"])
        try await eventually("the connection is closed") { server.openCount == 0 }
    }

    @Test("A body is sent at once and whole, whatever its length", arguments: [0, 1, 3_000_000])
    func body(count: Int) async throws {
        let server = try await RawServer()
        let body = [UInt8](repeating: 0x61, count: count)
        _ = try await client.response(to: request(server, headers: [("Content-Type", "a/b")], body: body))
        let sent = try #require(server.requests.first)
        #expect(sent.hasPrefix("POST / HTTP/1.1\r\n"))
        #expect(sent.contains("\r\nContent-Length: \(count)\r\n") && sent.contains("\r\nContent-Type: a/b\r\n"))
        #expect(!sent.contains("Expect") && !sent.contains("Accept"))
        #expect(sent.utf8.count - (sent.range(of: "\r\n\r\n").map { sent[..<$0.upperBound].utf8.count } ?? 0) == count)
    }

    @Test("Values may be empty, and headers that frame the body are libcurl's")
    func headers() async throws {
        let server = try await RawServer()
        let given = [
            ("Empty", ""), ("Blank", " "), ("Content-Length", "7"), ("Transfer-Encoding", "chunked"),
            ("Expect", "100-continue"), ("accept", "c/d"),
        ]
        _ = try await client.response(to: request(server, headers: given, body: [0x61]))
        let sent = try #require(server.requests.first)
        #expect(
            sent.contains("\r\nEmpty:\r\n") && sent.contains("\r\nBlank:\r\n") && sent.contains("\r\naccept: c/d\r\n"))
        #expect(sent.contains("\r\nContent-Length: 1\r\n") && !sent.contains("chunked") && !sent.contains("Expect"))
    }

    @Test(
        "Headers and URLs that would inject others are refused",
        arguments: [
            ("A\r\nB", "c"), ("A", "b\r\nC: d"), ("A", "b\nC: d"), ("A", "b\0"), ("A:", "b"), ("", "b"), ("A B", "c"),
        ])
    func injection(name: String, value: String) async throws {
        let server = try await RawServer()
        for bad in [request(server, headers: [(name, value)]), request(server, "/" + value + "\r\n")] {
            let failure = await #expect(throws: HTTPFailure.self) { try await client.response(to: bad) }
            #expect(failure?.kind == .notMade)
        }
        #expect(server.connectionCount == 0)
    }

    @Test(
        "Only http and https are spoken, and no user names",
        arguments: [
            "ftp://127.0.0.1/", "file:///etc/passwd", "dict://127.0.0.1/", "gopher://127.0.0.1/",
            "http://me:you@127.0.0.1/",
        ])
    func protocols(url: String) async throws {
        let request = HTTPClient.Request(url, deadline: .now + .seconds(60), maxBodyBytes: 1000)
        let failure = await #expect(throws: HTTPFailure.self) { try await client.response(to: request) }
        #expect(failure?.kind == .broken)
    }

    // MARK: Connection

    @Test("With an address, the name is not resolved but sent", arguments: ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1"])
    func address(_ address: String) async throws {
        let server = try await RawServer(host: address)
        var request = request(server)
        request.address = address
        // libcurl normalizes the second host to an address of its own.
        for host in ["nobody.invalid", "127.9"] {
            request.url = "http://\(host):\(server.port)/"
            #expect(try await client.response(to: request).status == 200)
        }
        #expect(server.requests.first?.contains("\r\nHost: nobody.invalid:\(server.port)\r\n") == true)
        #expect(server.connectionCount == 2)
    }

    @Test("Connections are kept for the next request only if asked", arguments: [true, false])
    func reuse(_ reuses: Bool) async throws {
        let server = try await RawServer()
        let client = HTTPClient(reusesConnections: reuses)
        for _ in 0..<5 { #expect(try await client.response(to: request(server)).status == 200) }
        #expect(server.connectionCount == (reuses ? 1 : 5))
        try await eventually("other connections are closed") { server.openCount == (reuses ? 1 : 0) }
        client.shutdown()
        try await eventually("the connections are closed") { server.openCount == 0 }
        await #expect(throws: HTTPFailure.shutDown) { try await client.response(to: request(server)) }
    }

    @Test("A request is sent once, also over a kept connection that turns out to be closed")
    func once() async throws {
        let server = try await RawServer(.ok, .disconnect)
        let client = HTTPClient(reusesConnections: true)
        _ = try await client.response(to: request(server))
        let failure = await #expect(throws: HTTPFailure.self) { try await client.response(to: request(server)) }
        #expect(failure?.kind == .broken)
        #expect(server.requests.count == 2)
        #expect(try await client.response(to: request(server)).status == 200)
        #expect(server.requests.count == 3)
        client.shutdown()
    }

    /// In a process of its own, because all tests of this one share its environment.
    @Test("Variables of the environment name no proxy")
    func proxies() async throws {
        await #expect(processExitsWith: .success) {
            let (server, proxy) = (try await RawServer(), try await RawServer())
            for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
                setenv(name, "http://127.0.0.1:\(proxy.port)", 1)
            }
            let request = HTTPClient.Request(
                "http://127.0.0.1:\(server.port)/", deadline: .now + .seconds(60), maxBodyBytes: 1000)
            let response = try await HTTPClient(reusesConnections: false).response(to: request)
            #expect(response.status == 200)
            #expect(proxy.connectionCount == 0 && server.requests.count == 1)
        }
    }

    @Test("Failures before anything was sent are distinguished from others")
    func failures() async throws {
        let server = try await RawServer(.disconnect, .text("SSH-2.0-x\r\n", closes: true))
        var refused = request(server)
        refused.url = "http://127.0.0.1:\(try FreePort.reserve())/hidden?hidden"
        var unknown = refused
        unknown.url = "http://nobody.invalid/hidden"
        // A server without TLS hangs or answers nonsense.
        var secure = refused
        secure.url = "https://127.0.0.1:\(server.port)/hidden"
        var cases: [(HTTPClient.Request, HTTPFailure.Kind)] = [
            (refused, .notConnected), (unknown, .notResolved), (request(server), .broken), (request(server), .broken),
        ]
        secure.connectTimeout = .milliseconds(200)
        cases.append((secure, .connectTimedOut))
        for (request, kind) in cases {
            let failure = await #expect(throws: HTTPFailure.self) { try await client.response(to: request) }
            #expect(failure?.kind == kind)
            #expect(failure?.description.contains("hidden") == false)
        }
        let text = await #expect(throws: HTTPFailure.self) { try await client.response(to: refused) }?.description
        #expect(text == "no connection: Connection refused")
    }

    // MARK: Response

    @Test("Interim responses are skipped, trailers are not headers, and names are found in any case")
    func head() async throws {
        let server = try await RawServer(
            .text(
                """
                HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n\
                HTTP/1.1 201 Created\r\nretry-AFTER:  5 \r\nX: 1\r\nX: 2\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n0\r\nLate: yes\r\n\r\n
                """))
        let response = try await client.response(to: request(server))
        #expect(response.status == 201 && text(response.body) == "abc")
        #expect(response.header("Retry-After") == "5" && response.header("x") == "1")
        #expect(response.header("Link") == nil && response.header("Late") == nil)
    }

    @Test("A redirect, a demand for credentials and a cookie are only a response", arguments: [301, 307, 401])
    func passive(status: Int) async throws {
        let elsewhere = try await RawServer()
        let headers = """
            Location: http://127.0.0.1:\(elsewhere.port)/\r\nWWW-Authenticate: Basic realm="a"\r\nSet-Cookie: a=b; path=/\r\n
            """
        let answer = RawServer.Answer.text("HTTP/1.1 \(status) X\r\n\(headers)Content-Length: 0\r\n\r\n")
        let server = try await RawServer(answer, .ok)
        let client = HTTPClient(reusesConnections: true)
        #expect(try await client.response(to: request(server)).status == status)
        #expect(try await client.response(to: request(server)).status == 200)
        #expect(elsewhere.connectionCount == 0)
        #expect(server.requests.count == 2)
        #expect(server.requests[0] == server.requests[1])
        client.shutdown()
    }

    @Test(
        "A body is read up to its limit",
        arguments: [
            RawServer.Answer.text(
                "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + String(repeating: "a", count: 1001)),
            .endless("HTTP/1.1 200 OK\r\n\r\n", String(repeating: "a", count: 1000)),
            .endless(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "3e8\r\n" + String(repeating: "a", count: 1000) + "\r\n"),
        ])
    func tooLong(_ answer: RawServer.Answer) async throws {
        let server = try await RawServer(answer)
        let response = try await client.response(to: request(server))
        guard case .tooLong = response.body else {
            Issue.record("\(response)")
            return
        }
        #expect(response.status == 200)
        try await eventually("the connection is closed") { server.openCount == 0 }
        let whole = try await RawServer(
            .text("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "a", count: 1000)))
        #expect(try await text(client.response(to: request(whole)).body)?.count == 1000)
    }

    @Test(
        "Headers are read up to their limit",
        arguments: [
            ("HTTP/1.1 200 OK\r\n", "X: " + String(repeating: "a", count: 1000) + "\r\n"),
            ("HTTP/1.1 200 OK\r\nX: ", String(repeating: "a", count: 1000)),
            ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
        ])
    func headerLimit(_ start: String, _ part: String) async throws {
        let server = try await RawServer(.endless(start, part))
        let failure = await #expect(throws: HTTPFailure.self) { try await client.response(to: request(server)) }
        #expect(failure?.kind == .broken)
        try await eventually("the connection is closed") { server.openCount == 0 }
    }

    @Test("What is not HTTP/1.1 is an error, and what follows a response is ignored")
    func garbage() async throws {
        let server = try await RawServer(
            .text("hello\r\n", closes: true), .text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"))
        let failure = await #expect(throws: HTTPFailure.self) { try await client.response(to: request(server)) }
        #expect(failure?.kind == .broken)
        let keeping = HTTPClient(reusesConnections: true)
        for _ in 0..<2 { #expect(try await text(keeping.response(to: request(server)).body) == "ok") }
        keeping.shutdown()
    }

    // MARK: Time

    @Test("Without a head by the deadline there is no response")
    func deadline() async throws {
        let server = try await RawServer(.silence)
        await #expect(throws: HTTPFailure.timedOut) {
            try await client.response(to: request(server, within: .milliseconds(300)))
        }
        try await eventually("the connection is closed") { server.openCount == 0 }
    }

    @Test("A head without its body is a response, at the deadline or when the connection ends")
    func incomplete() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
        let server = try await RawServer(.text(head), .text(head), .text(head, closes: true))
        let late = [
            request(server, within: .seconds(5)), request(server, bodyTimeout: .milliseconds(300)), request(server),
        ]
        for request in late {
            let response = try await client.response(to: request)
            guard case .incomplete = response.body else {
                Issue.record("\(response)")
                continue
            }
            #expect(response.status == 200)
        }
    }

    @Test("A cancelled task is not held up, and its connection is closed", arguments: [true, false])
    func cancelled(_ hasHead: Bool) async throws {
        let server = try await RawServer(.ok, hasHead ? .text("HTTP/1.1 200 OK\r\n\r\n") : .silence)
        // On a kept connection and with long limits, no timer of libcurl ends its wait.
        let client = HTTPClient(reusesConnections: true)
        var patient = request(server, within: .seconds(600))
        patient.connectTimeout = .seconds(600)
        let request = patient
        _ = try await client.response(to: request)
        let task = Task { try await client.response(to: request) }
        try await eventually("the request is there") { server.requests.count == 2 }
        let start = ContinuousClock.now
        task.cancel()
        let result = await task.result
        #expect(ContinuousClock.now - start < .seconds(30))
        switch result {
        case .success(let response): #expect(hasHead && response.status == 200)
        case .failure(let error): #expect(error is CancellationError)
        }
        try await eventually("the connection is closed") { server.openCount == 0 }
        let early = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await client.response(to: request)
        }
        early.cancel()
        await #expect(throws: CancellationError.self) { try await early.value }
        #expect(server.requests.count == 2)
        client.shutdown()
    }

    @Test("Many requests at once share the thread")
    func concurrent() async throws {
        let server = try await RawServer()
        let client = HTTPClient(reusesConnections: true)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 { group.addTask { try await client.response(to: request(server)).status } }
            for try await status in group { #expect(status == 200) }
        }
        #expect(server.requests.count == 100)
        client.shutdown()
        try await eventually("the connections are closed") { server.openCount == 0 }
    }
}
