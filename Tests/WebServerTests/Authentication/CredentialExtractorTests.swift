import NIOHTTP1
import Testing

@testable import WebServer

/// Credential extraction from requests, and redaction of credentials in logs.
@Suite("Credentials in requests")
struct CredentialExtractorTests {
    private static func head(_ uri: String, _ headers: [(String, String)] = []) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: HTTPHeaders(headers))
    }

    @Test("The header takes precedence over the subprotocol, the token in the query and the ticket, in that order")
    func order() {
        let uri = "/ws?ticket=t1&token=q%2E1"
        let protocols = ("Sec-WebSocket-Protocol", "windsock.v1, bearer.s1")
        let cases: [(HTTPRequestHead, Credential?)] = [
            (Self.head(uri, [protocols, ("Authorization", "Bearer h1")]), .token("h1")),
            (Self.head(uri, [protocols]), .token("s1")), (Self.head(uri), .token("q.1")),
            (Self.head("/ws?ticket=t1"), .ticket("t1")), (Self.head("/ws?x=1&ticket=t%31#f"), .ticket("t1")),
            (Self.head("/ws?token=&ticket=t1"), .ticket("t1")), (Self.head("/ws?ticket="), nil),
            (Self.head("/ws?ticket"), nil), (Self.head("/ws"), nil), (Self.head("/ws?tickets=t1"), nil),
            (Self.head("/ws", [("Authorization", "Basic YTpi")]), nil),
        ]
        for (head, expected) in cases {
            #expect(CredentialExtractor.credential(in: head) == expected)
        }
    }

    @Test("A printed credential shows its kind, not its value")
    func printing() {
        #expect("\(Credential.token("secret"))" == "a token")
        #expect(String(reflecting: Credential.ticket("secret")) == "a ticket")
    }
}
