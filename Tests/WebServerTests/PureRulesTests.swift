import Core
import NIOCore
import NIOHTTP1
import Telemetry
import Testing

@testable import WebServer

/// Rules that need no socket: heartbeat, rates, handshakes, origins, grants.
@Suite("Rules of connections and handshakes")
struct PureRulesTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("Pings are sent at the interval; a silent peer is closed, one that sends anything is not")
    func heartbeat() {
        let configuration = HeartbeatConfiguration(
            pingInterval: .seconds(5), pongTimeout: .seconds(10), writeTimeout: .seconds(3))
        var heartbeat = Heartbeat(configuration: configuration, now: Self.start)
        #expect(heartbeat.sweep(at: Self.start + .seconds(4)) == .nothing)
        #expect(heartbeat.sweep(at: Self.start + .seconds(5)) == .sendPing)
        #expect(heartbeat.sweep(at: Self.start + .seconds(6)) == .nothing)
        heartbeat.heard()
        #expect(heartbeat.sweep(at: Self.start + .seconds(10)) == .sendPing)
        #expect(heartbeat.sweep(at: Self.start + .seconds(15)) == .sendPing, "the first unanswered ping counts")
        #expect(heartbeat.sweep(at: Self.start + .seconds(20)) == .closeSilent)
    }

    @Test("The first ping is sent early to measure the round trip, the others at the interval")
    func firstPing() {
        var heartbeat = Heartbeat(configuration: HeartbeatConfiguration(), now: Self.start)
        #expect(heartbeat.sweep(at: Self.start + .seconds(4)) == .nothing)
        #expect(heartbeat.sweep(at: Self.start + .seconds(5)) == .sendPing)
        #expect(heartbeat.roundTripTime(at: Self.start + .seconds(6)) == .seconds(1))
        heartbeat.heard()
        #expect(heartbeat.roundTripTime(at: Self.start + .seconds(7)) == nil)
        #expect(heartbeat.sweep(at: Self.start + .seconds(58)) == .nothing)
        #expect(heartbeat.sweep(at: Self.start + .seconds(59)) == .sendPing)
    }

    @Test("A socket that accepts no bytes for too long is closed, one that accepts some is not")
    func stuck() {
        let configuration = HeartbeatConfiguration(writeTimeout: .seconds(3))
        var heartbeat = Heartbeat(configuration: configuration, now: Self.start)
        heartbeat.writabilityChanged(isWritable: false, now: Self.start)
        #expect(heartbeat.sweep(at: Self.start + .seconds(2)) == .nothing)
        heartbeat.writabilityChanged(isWritable: true, now: Self.start + .seconds(2))
        #expect(heartbeat.sweep(at: Self.start + .seconds(9)) == .sendPing)
        heartbeat.writabilityChanged(isWritable: false, now: Self.start + .seconds(9))
        #expect(heartbeat.sweep(at: Self.start + .seconds(12)) == .closeStuck)
    }

    @Test("Bursts are allowed, then the rate; a client that ignores rejections is abusive")
    func tokenBucket() {
        var bucket = TokenBucket(burst: 5, at: Self.start.tokenBucketTime)
        func take(_ seconds: Int64) -> TokenBucket.Decision {
            bucket.charge(perSecond: 2, burst: 5, at: (Self.start + .seconds(seconds)).tokenBucketTime)
        }
        #expect((0..<5).allSatisfy { _ in take(0) == .allowed })
        #expect((0..<5).allSatisfy { _ in take(0) == .refused })
        #expect(take(0) == .abusive)
        #expect(take(10) == .allowed, "the count decays with time")
    }

    @Test("A costly command takes several tokens, at most the bucket's capacity")
    func costlyCommands() {
        var bucket = TokenBucket(burst: 10, at: Self.start.tokenBucketTime)
        func take(_ cost: Int, _ seconds: Int64) -> TokenBucket.Decision {
            bucket.charge(cost, perSecond: 1, burst: 10, at: (Self.start + .seconds(seconds)).tokenBucketTime)
        }
        #expect(take(6, 0) == .allowed)
        #expect(take(6, 0) == .refused)
        #expect(take(1000, 12) == .allowed)
        #expect(take(1, 12) == .refused)
    }

    @Test("Replays are charged, with one second's worth free")
    func replayCharges() {
        let quota = UserQuota(limits: ConnectionLimits(userReplayedPerSecond: 100))
        #expect(quota.chargeReplay(100, to: "ann", now: Self.start) == .zero)
        #expect(quota.chargeReplay(100, to: "ann", now: Self.start) == .seconds(1))
        #expect(quota.replayDelay(of: "ann", now: Self.start) == .seconds(1))
        #expect(quota.replayDelay(of: "bob", now: Self.start) == .zero)
    }

    @Test("A command with too many JSON values is rejected while parsing")
    func commandValues() throws {
        func refusal(_ payload: String) -> CommandError? {
            let text = #"{"type":"x","id":"1","payload":\#(payload)}"#
            do throws(CommandError) {
                _ = try ClientCommand(json: text, receivedAt: Timestamp(nanosecondsSinceEpoch: 0))
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal("{\"p\":[\(Array(repeating: "1", count: 200).joined(separator: ","))]}") == nil)
        let many = try #require(refusal("{\"p\":[\(Array(repeating: "[1]", count: 200).joined(separator: ","))]}"))
        #expect(many.message.contains("allowed: at most 256"))
        let wrong = try #require(refusal("[]"))
        #expect(wrong.commandID == "1", "the error carries the command's id, if it can be read")
    }

    @Test("Room names of clients have at most 32 levels")
    func roomLevels() throws {
        func command(levels: Int) throws -> ClientCommand {
            let room = Array(repeating: "a", count: levels).joined(separator: "/")
            return ClientCommand(
                type: "join_room", payload: .object([JSONMember(name: "room_id", value: .string(room))]))
        }
        #expect(try command(levels: 32).room().levels.count == 32)
        #expect(throws: CommandError.self) { try command(levels: 33).room() }
    }

    private static func handshake(_ change: (inout HTTPRequestHead) -> Void = { _ in }) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws?x=1")
        head.headers = [
            "host": "gateway:8080", "connection": "keep-alive, Upgrade", "upgrade": "WebSocket",
            "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        ]
        change(&head)
        return head
    }

    private static let requests: [(String, HTTPRequestHead, Int?)] = [
        ("as it should be", handshake(), nil),
        ("same origin", handshake { $0.headers.add(name: "origin", value: "http://gateway:8080") }, nil),
        ("listed origin", handshake { $0.headers.add(name: "origin", value: "https://dash.example") }, nil),
        ("POST", handshake { $0.method = .POST }, 400),
        ("bad host", handshake { $0.headers.replaceOrAdd(name: "host", value: "evil@gateway") }, 400),
        ("HTTP/1.0", handshake { $0.version = .http1_0 }, 400),
        ("no upgrade", handshake { $0.headers.replaceOrAdd(name: "upgrade", value: "h2c") }, 426),
        ("no connection", handshake { $0.headers.replaceOrAdd(name: "connection", value: "close") }, 426),
        ("version 8", handshake { $0.headers.replaceOrAdd(name: "sec-websocket-version", value: "8") }, 426),
        ("no key", handshake { $0.headers.remove(name: "sec-websocket-key") }, 400),
        ("short key", handshake { $0.headers.replaceOrAdd(name: "sec-websocket-key", value: "c2hvcnQ=") }, 400),
        ("other origin", handshake { $0.headers.add(name: "origin", value: "https://evil.example") }, 403),
        ("null origin", handshake { $0.headers.add(name: "origin", value: "null") }, 403),
        ("bearer alone", handshake { $0.headers.add(name: "sec-websocket-protocol", value: "bearer.abc") }, 400),
    ]

    @Test("Handshakes are accepted, or rejected with the reason", arguments: requests)
    func upgradeRequest(_ name: String, _ head: HTTPRequestHead, _ status: Int?) {
        let origins = OriginPolicy(publicOrigin: nil, allowed: ["https://dash.example"])
        let request = UpgradeRequest(head, origins: origins)
        if let status {
            guard case .refused(let refusal) = request else {
                Issue.record("\(name) was \(request)")
                return
            }
            #expect(refusal.status == status)
            #expect(UpgradeRefusal(headerValue: refusal.headerValue) == refusal)
        } else {
            #expect(request == .handshake)
        }
    }

    @Test(
        "A Host header is a name or an address, with or without a port",
        arguments: [
            ("", true), ("a", true), ("a:80", true), ("a:", true), ("127.0.0.1:1", true), ("[::1]", true),
            ("[::ffff:1.2.3.4]:65535", true), ("x_y.example-1.org.", true), ("a%20b", true), ("[]", false),
            ("[::1", false), ("[::1]x", false), ("::1", false), ("a:65536", false), ("a:x", false), ("a%2", false),
            ("a b", false), ("a,b", false), ("u@a", false), ("a/b", false), ("é", false), ("a\u{0}", false),
        ])
    func hosts(host: String, isValid: Bool) {
        #expect(HostHeader.isValid(host) == isValid)
    }

    @Test("Other paths are not WebSocket handshakes")
    func otherPath() {
        let origins = OriginPolicy(publicOrigin: nil, allowed: [])
        #expect(UpgradeRequest(Self.handshake { $0.uri = "/wss" }, origins: origins) == .plain)
    }

    @Test("Behind a proxy, the public origin is our own; default ports are ignored")
    func origins() {
        let policy = OriginPolicy(publicOrigin: "https://dash.example", allowed: ["null"])
        #expect(policy.allows(origin: nil, host: "inner:8080"))
        #expect(policy.allows(origin: "https://dash.example:443", host: "inner:8080"))
        #expect(policy.allows(origin: "null", host: "inner:8080"))
        #expect(!policy.allows(origin: "http://dash.example", host: "inner:8080"))
        #expect(!policy.allows(origin: "https://dash.example.evil", host: "inner:8080"))
    }

    static let grants: [(join: [String], requested: String, allowed: Bool)] = [
        (["sensors/#"], "sensors/a", true), (["sensors/#"], "sensors/+", true), (["sensors/#"], "sensors/#", true),
        (["sensors/+"], "sensors/a", true), (["sensors/+"], "sensors/#", false), (["sensors/+"], "sensors/a/b", false),
        (["sensors/a"], "sensors/+", false), ([], "sensors/a", false), (["#"], "chat/ops", true),
        (["#"], "users/anna", false), (["users/#"], "users/anna", false), (["#"], "$internal", false),
        ([], "users/tester", true), (["#"], "users/#", false), (["#"], "users", false),
    ]

    @Test("A filter is granted only if one grant covers it; inboxes are granted only to their owner", arguments: grants)
    func roomGrants(_ join: [String], _ requested: String, _ allowed: Bool) throws {
        let grants = RoomGrants(user: "tester", join: try join.map { try TopicFilter($0) })
        #expect(grants.canJoin(try TopicFilter(requested)) == allowed)
    }

    @Test("Tokens are taken from header, subprotocol and query, in that order")
    func tokenSources() {
        #expect(CredentialExtractor.token(in: Self.handshake()) == nil)
        let query = Self.handshake { $0.uri = "/ws?a=b&token=from%20query" }
        #expect(CredentialExtractor.token(in: query) == "from query")
        let subprotocol = Self.handshake {
            $0.uri = "/ws?token=q"
            $0.headers.add(name: "sec-websocket-protocol", value: "windsock.v1, bearer.from-subprotocol")
        }
        #expect(CredentialExtractor.token(in: subprotocol) == "from-subprotocol")
        let header = Self.handshake {
            $0.uri = "/ws?token=q"
            $0.headers.add(name: "authorization", value: "bearer  from-header")
        }
        #expect(CredentialExtractor.token(in: header) == "from-header")
    }
}
