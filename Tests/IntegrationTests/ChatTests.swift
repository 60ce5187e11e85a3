import Foundation
import TestSupport
import Testing

/// No message is lost, whichever clients are cut off.
@Suite("Chat with broken connections")
struct ChatTests {
    @Test("200 clients send 20,000 messages while a tenth of them is cut off each second, and all get the same history")
    func twentyThousandMessages() async throws {
        let memberCount = 200
        let messagesPerMember = 100
        let total = memberCount * messagesPerMember
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url,
            arguments: ["--set", "history.messages=50000", "--set", "limits.user_commands_per_second=0"])
        var tokens: [String] = []
        for user in 1...10 {
            tokens.append(
                try await GatewayProcess.token(user: "user\(user)", join: ["chat/#"], publish: ["chat/#"]))
        }
        let room = ChatMember.Room(port: gateway.port, room: "chat/swarm", messagesPerMember: messagesPerMember)
        let members = (1...memberCount).map {
            ChatMember(name: "\($0)", token: tokens[$0 % tokens.count], room: room)
        }
        defer { for member in members { member.stop() } }
        try await eventually("all have joined", within: .seconds(60)) { members.allSatisfy { $0.snapshot.isJoined } }
        for member in members { member.talk() }

        var nextCut = ContinuousClock.now + .seconds(1)
        var random = SeededRandom()
        try await eventually("every client has every message, seed \(random.seed)", within: .seconds(600)) {
            if ContinuousClock.now >= nextCut {
                for member in members.shuffled(using: &random).prefix(memberCount / 10) { member.cut() }
                nextCut += .seconds(1)
            }
            return members.allSatisfy { $0.snapshot.offset >= total || !$0.snapshot.faults.isEmpty }
        }
        let ends = members.map(\.snapshot)
        let faults = ends.flatMap(\.faults)
        #expect(faults.isEmpty, "\(faults.prefix(5))")
        #expect(ends.allSatisfy { $0.offset == total }, "no message was stored twice")
        #expect(Set(ends.map(\.digest)).count == 1, "the same messages in the same order")
        #expect(ends.allSatisfy { $0.acknowledged == messagesPerMember })
        #expect(ends.reduce(0) { $0 + $1.connections } > memberCount, "some were cut off")

        var contents = Set<String>()
        for page in stride(from: 0, to: total, by: 500) {
            let url = "\(gateway.url)/api/rooms/history?room_id=chat/swarm&limit=500&after=\(page)"
            let body = try await HTTPClientLite.get(url, headers: [("Authorization", "Bearer \(tokens[0])")]).json
            contents.formUnion((body["messages"]?.array ?? []).compactMap { $0["payload"]?["content"]?.string })
        }
        #expect(contents.count == total, "each message is stored once")
    }
}
