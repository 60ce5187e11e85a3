import ChildProcesses
import Foundation
import MQTTTransport
import TestSupport
import Testing
import WebSocketClient

/// Every acknowledged reading is in the database exactly once, whatever happens to the gateway.
@Suite("No loss of readings")
struct NothingLostTests {
    /// Devices that publish as fast as the broker acknowledges.
    final class Fleet {
        let publishers: [(device: String, publisher: SequencePublisher)]
        private let loop: MQTTLoop

        init(port: Int, count: Int) throws {
            let loop = MQTTLoop(name: "fleet")
            self.loop = loop
            publishers = try (1...count).map { number in
                let device = "device-\(number)"
                return (
                    device,
                    try SequencePublisher(port: port, topic: "sensors/\(device)", maxUnderWay: 1, loop: loop)
                )
            }
        }

        var acceptedCount: Int { publishers.reduce(0) { $0 + $1.publisher.accepted.count } }

        func start() {
            for (_, publisher) in publishers { publisher.start() }
        }

        func stop() async throws {
            for (_, publisher) in publishers { try await publisher.stop() }
            loop.stop()
        }
    }

    @Test("Killed 20 times under the load of 50 devices, the gateway has stored every acknowledged reading once")
    func killed() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let port = try FreePort.reserve()
        var gateway = try await GatewayProcess(mqttURL: broker.url, port: port, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        let fleet = try Fleet(port: broker.port, count: 50)
        fleet.start()
        var random = SeededRandom()
        for round in 1...20 {
            let before = fleet.acceptedCount
            let target = before + Int.random(in: 20...2000, using: &random)
            try await eventually("the load of round \(round), seed \(random.seed)", within: .seconds(60)) {
                fleet.acceptedCount >= target
            }
            gateway.process.kill()
            try await gateway.process.waitForExit()
            gateway = try await GatewayProcess(mqttURL: broker.url, port: port, dataDirectory: folder.url)
            try await gateway.waitUntilReady(within: .seconds(60))
        }
        try await fleet.stop()
        try await Self.expectEachOnce(fleet, gateway)
    }

    @Test(
        "With a full disk, nothing is shown or acknowledged, the reason is reported, and nothing is lost",
        .enabled(if: SmallDisk.canBeMounted, "a small disk (tmpfs) is mounted by root only"))
    func fullDisk() async throws {
        let disk = try SmallDisk(megabytes: 96)
        try #require(disk.isMounted)
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: disk.url)
        try await gateway.waitUntilReady()
        let client = try await gateway.client(token: try await GatewayProcess.token(), joining: "sensors/device-1")
        let collector = SequenceCollector(client)
        let fleet = try Fleet(port: broker.port, count: 10)
        fleet.start()
        try await eventually("the first readings were shown", within: .seconds(60)) { collector.count > 20 }
        try disk.fill()
        try await eventually("the gateway reports that it cannot store", within: .seconds(60)) {
            let ready = try await HTTPClientLite.get("\(gateway.url)/readyz")
            let reason = try ready.json["checks"]?["storage"]?["reason"]?.string
            return ready.status == 503 && reason == "the disk is full"
        }
        try await eventually("the broker connection is reported as ready", within: .seconds(60)) {
            let ready = try await HTTPClientLite.get("\(gateway.url)/readyz")
            let reason = try ready.json["checks"]?["mqtt"]?["reason"]?.string
            return reason == "Messages could not be processed: the disk is full. The broker will redeliver them."
        }
        // In-flight readings are through; from here on, nothing may arrive while the devices continue.
        _ = try await HTTPClientLite.get("\(gateway.url)/readyz")
        let shown = collector.count
        let accepted = fleet.acceptedCount
        try await eventually("the devices continued", within: .seconds(60)) { fleet.acceptedCount > accepted + 500 }
        #expect(collector.count <= shown + 1, "unstored readings are not shown")
        try disk.free()
        try await gateway.waitUntilReady(within: .seconds(90))
        try await fleet.stop()
        try await Self.expectEachOnce(fleet, gateway)
        withExtendedLifetime(disk) {}
    }

    /// Compares the readings accepted by the broker with the gateway's responses.
    private static func expectEachOnce(_ fleet: Fleet, _ gateway: GatewayProcess) async throws {
        let token = try await GatewayProcess.token()
        for (device, publisher) in fleet.publishers {
            let accepted = publisher.accepted
            #expect(!accepted.isEmpty)
            let path = "\(gateway.url)/api/readings?device=\(device)&metric=seq"
            let headers = [("Authorization", "Bearer \(token)")]
            try await eventually("all of \(device) is stored", within: .seconds(120)) {
                let answer = try await HTTPClientLite.get("\(path)&points=1", headers: headers)
                let point = try answer.json["series"]?.array?.first?["points"]?.array?.first?.array
                return Int(point?.last?.number ?? 0) >= accepted.count
            }
            let answer = try await HTTPClientLite.get(path, headers: headers + [("Accept", "application/x-ndjson")])
            var times: [Int: Int] = [:]
            for line in answer.text.split(separator: "\n") {
                guard let value = try JSON(parsing: String(line))["value"]?.number else { continue }
                times[Int(value), default: 0] += 1
            }
            let missing = accepted.subtracting(times.keys)
            #expect(missing.isEmpty, "\(device) lacks \(missing.sorted().prefix(10))")
            let doubled = times.filter { $0.value > 1 }.keys
            #expect(doubled.isEmpty, "\(device) has several times \(doubled.sorted().prefix(10))")
        }
    }
}
