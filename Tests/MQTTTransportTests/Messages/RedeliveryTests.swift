import MQTTTransport
import TestSupport
import Testing

@Suite("Detection of redelivered messages")
struct RedeliveryTests {
    /// Sends messages with these flags and waits until the last one is acknowledged.
    private static func send(_ flags: [Bool], over connection: ScriptedConnection, isPresent: Bool) throws {
        try connection.acceptClient(sessionPresent: isPresent)
        try connection.answerSubscribe(1)
        let packets = flags.enumerated().map { place, flag in
            ScriptedConnection.publish("\(flag)", to: "t", packetID: UInt8(place + 1), isDuplicate: flag)
        }
        try connection.write(Array(packets.joined()))
        for _ in flags { try connection.read(.puback) }
        _ = try connection.read()
    }

    @Test("With a resumed session, DUP flags are known up to the first new message; otherwise none is")
    func flags() async throws {
        for isPresent in [true, false] {
            let broker = try ScriptedBroker { connection, _ in
                try Self.send([true, true, false, true], over: connection, isPresent: isPresent)
            }
            let recorder = Recorder()
            try await withClient(.test(port: broker.port, id: "flags", filters: ["#"]), handler: recorder) { _ in
                try await eventually("all arrived") { recorder.messages.count == 4 }
            }
            let told: [Bool?] = isPresent ? [true, true, false, nil] : [nil, nil, nil, nil]
            #expect(recorder.messages.map(\.isDuplicate) == told)
            #expect(broker.errors.isEmpty)
        }
    }

    @Test("Every connection with a resumed session reports DUP flags again, also after a rejected batch")
    func anew() async throws {
        let broker = try ScriptedBroker { connection, number in
            try Self.send([number > 1, false], over: connection, isPresent: number > 0)
        }
        let recorder = Recorder(refusals: 2)
        try await withClient(.test(port: broker.port, id: "anew", filters: ["#"]), handler: recorder) { _ in
            try await eventually("all arrived") { recorder.messages.count == 2 }
        }
        let seen = recorder.refused + recorder.batches
        #expect(seen.map { $0.messages.map(\.isDuplicate) } == [[nil, nil], [false, nil], [true, false]])
        #expect(broker.errors.isEmpty)
    }
}
