import Core
import Foundation
import MQTTTransport
import TestSupport
import Testing

/// The gateway's main guarantee: the broker keeps a message until the gateway has accepted it.
@Suite("Acknowledgement after acceptance")
struct AcknowledgementTests {
    @Test("Acknowledgements are sent after the handler has returned, not before")
    func waitsForHandler() async throws {
        let isTaken = Lock(false)
        let silentUntilTaken = Lock(false)
        let isHeld = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        let recorder = Recorder { _ in
            isHeld.signal()
            release.wait()
        }
        let broker = try ScriptedBroker { connection, _ in
            try connection.acceptClient()
            try connection.answerSubscribe(1)
            for id in 1...3 { try connection.publish("m\(id)", to: "t", packetID: UInt8(id)) }
            // A premature acknowledgement would have been sent before the handler was called.
            isHeld.wait()
            silentUntilTaken.withLock { $0 = connection.isSilent }
            for _ in 0..<3 { release.signal() }
            for id in 1...3 { #expect(try connection.read(.puback).packetID == [0, UInt8(id)]) }
            isTaken.withLock { $0 = true }
            _ = try connection.read()
        }
        try await withClient(.test(port: broker.port, id: "acks", filters: ["#"]), handler: recorder) { _ in
            try await eventually("all are acknowledged") { isTaken.withLock { $0 } }
        }
        #expect(silentUntilTaken.withLock { $0 })
        #expect(recorder.texts == ["m1", "m2", "m3"])
        #expect(broker.errors.isEmpty)
    }

    @Test("After a rejected batch, the connection is dropped, and its acknowledgements are never sent")
    func discardsAcknowledgements() async throws {
        let firstPackets = Lock<[ScriptedConnection.Kind?]>([])
        let wasAcknowledged = Lock(false)
        let recorder = Recorder(refusals: 1)
        let broker = try ScriptedBroker { connection, number in
            let connect = try connection.acceptClient(sessionPresent: number > 0)
            firstPackets.withLock { $0.append(connect.kind) }
            try connection.answerSubscribe(1)
            try connection.publish("m", to: "t", packetID: 7)
            if number == 0 {
                while true {
                    if try connection.read().kind == .puback { wasAcknowledged.withLock { $0 = true } }
                }
            }
            #expect(try connection.read(.puback).packetID == [0, 7])
            _ = try connection.read()
        }
        try await withClient(.test(port: broker.port, id: "refuses", filters: ["#"]), handler: recorder) { client in
            try await eventually("the message was accepted") { recorder.texts == ["m"] }
            #expect(client.counters.batchesRefused == 1)
            #expect(client.counters.messagesReceived == 1)
        }
        #expect(!wasAcknowledged.withLock { $0 })
        #expect(firstPackets.withLock { $0 } == [.connect, .connect])
        #expect(broker.errors.isEmpty)
    }

    @Test(
        "Messages that a killed broker had sent are accepted, although they can no longer be acknowledged",
        arguments: [true, false])
    func takesWhatWasSent(isReset: Bool) async throws {
        let isHeld = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        let recorder = Recorder { batch in
            guard batch.messages.first?.packetID == 1 else { return }
            isHeld.signal()
            release.wait()
        }
        let broker = try ScriptedBroker { connection, number in
            try connection.acceptClient()
            try connection.answerSubscribe(1)
            guard number == 0 else {
                _ = try connection.read()
                return
            }
            try connection.publish("m0", to: "t", packetID: 1)
            isHeld.wait()
            // Sent in one segment, because data in a killed broker's own socket buffers is lost.
            let packets = (1...20).map { ScriptedConnection.publish("m\($0)", to: "t", packetID: UInt8($0 + 1)) }
            try connection.write(Array(packets.joined()))
            if isReset { connection.resetWhenClosed() }
            connection.close()
            release.signal()
        }
        try await withClient(.test(port: broker.port, id: "killed", filters: ["#"]), handler: recorder) { client in
            try await eventually("all were accepted") { recorder.texts.count == 21 }
            try await eventually("the client reconnected") { client.counters.connects == 2 }
        }
        #expect(recorder.texts == (0...20).map { "m\($0)" })
        #expect(broker.errors.isEmpty)
    }

    @Test("A real broker redelivers a rejected batch, and nothing is lost", arguments: [5, 4])
    func redelivers(level: Int) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder(refusals: 2)
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "refusing", filters: ["t/#"]).with {
            $0.sessionExpiry = .seconds(600)
            $0.protocolVersion = level == 5 ? .v5 : .v311
        }
        let texts = (1...3000).map { "\($0)" }
        let log = StateLog()
        try await withClient(configuration, handler: recorder, log: log) { client in
            try await client.waitUntilConnected()
            try await publish(texts.map { MQTTPublication($0, to: "t/x") }, to: broker)
            try await eventually("all arrived", within: .seconds(60)) { Set(recorder.texts).isSuperset(of: texts) }
            #expect(client.counters.batchesRefused == 2)
        }
        // Refused messages were redelivered with their flag, before all new ones.
        let sent = Set(recorder.refused[0].messages.map(\.packetID))
        let again = recorder.refused[1].messages.prefix(sent.count)
        #expect(again.allSatisfy { $0.isDuplicate == true && sent.contains($0.packetID) })
        #expect(recorder.refused[0].messages.allSatisfy { $0.isDuplicate == nil })
        // Both the accepted and the redelivered messages arrived in order.
        #expect(recorder.refused.flatMap(\.messages).allSatisfy { $0.qos == .atLeastOnce && $0.packetID > 0 })
        #expect(recorder.texts.filter { $0 == "1" }.count == 1)
        #expect(log.levels == [level, level, level])
        let firsts = recorder.batches.filter(\.isFirstAfterConnect)
        #expect(firsts.count == 1 && firsts.allSatisfy(\.sessionPresent))
        #expect(recorder.refused.last?.sessionPresent == true)
    }
}
