import Core
import MQTTTransport
import Testing

@testable import DeviceSimulator

@Suite("Virtual devices are deterministic for a seed")
struct VirtualDeviceTests {
    private func device(_ more: String = "", limit: Int? = nil) throws -> VirtualDevice {
        VirtualDevice(name: "probe", profile: try Profiles.json(more), messageLimit: limit)
    }

    @Test("Samples are taken at the interval")
    func interval() throws {
        var device = try device("interval: 500ms\nstamps: none")
        let steps = device.steps(until: .seconds(2))
        #expect(steps.map(\.due) == [0, 500, 1000, 1500, 2000].map { .milliseconds($0) })
        let publication = try #require(steps.first?.step.publications.first)
        #expect(publication.topic == "sensors/probe")
        #expect(publication.qos == .atLeastOnce)
        #expect(!publication.retain)
        #expect(String(decoding: publication.payload, as: UTF8.self) == #"{"seq":0}"#)
    }

    @Test("A made-up past has the device's waveform, slowed down, without timestamps of its own")
    func past() throws {
        let day = "{day: {low: 0, high: 10, period: 480s}}"
        let device = VirtualDevice(name: "probe", profile: try Profiles.json(waveform: day))
        let times = (0...24).map { VirtualDevice.start.advanced(by: .seconds(3600 * $0)) }
        let past = device.past(at: times, slowness: 180)
        #expect(past.map(\.time) == times)
        let payloads = past.map { String(decoding: $0.publication.payload, as: UTF8.self) }
        #expect(payloads.first == payloads.last, "eight minutes became a day")
        #expect(Set(payloads).count > 10)
        #expect(payloads.allSatisfy { $0.hasPrefix(#"{"seq":"#) && !$0.contains("ts") })
        #expect(past.allSatisfy { $0.publication.topic == "sensors/probe" && !$0.publication.retain })
        #expect(device.past(at: [], slowness: 180).isEmpty)
    }

    @Test("QoS and retain flag come from the file")
    func delivery() throws {
        var device = try device("qos: 0\nretain: true")
        let publication = try #require(device.advance(now: VirtualDevice.start).publications.first)
        #expect(publication.qos == .atMostOnce)
        #expect(publication.retain)
    }

    @Test("The same seed gives the same steps, another seed different ones")
    func seeds() throws {
        func trace(_ seed: Int) throws -> [String] {
            let keys = "seed: \(seed)\njitter: 200ms\ndrop_rate: 0.2\noffline: {every: 20s, for: 5s}"
            var device = VirtualDevice(name: "probe", profile: try Profiles.json(keys, waveform: "{noise: 1}"))
            return device.steps(until: .seconds(100)).map { "\($0.due) \($0.step)" }
        }
        #expect(try trace(1) == trace(1))
        #expect(try trace(1) != trace(2))
    }

    @Test("Each device of a fleet has its own values and phase")
    func fleet() throws {
        let profile = try Profiles.json("count: 20\nstamps: none", waveform: "{noise: 1}")
        var devices = profile.devices()
        #expect(Set(devices.map(\.due)).count == 20)
        let payloads = devices.indices.map { devices[$0].payloads(until: .seconds(10)) }
        #expect(Set(payloads).count == 20)
    }

    @Test("Jitter shifts samples in both directions without accumulating")
    func jitter() throws {
        var device = try device("interval: 1s\njitter: 300ms")
        let dues = device.steps(until: .seconds(1000)).map(\.due)
        #expect((999...1001).contains(dues.count))
        #expect(dues == dues.sorted())
        let offsets = dues.enumerated().map { $0.element.seconds - Double($0.offset) }
        #expect(offsets.allSatisfy { (-0.3...0.3).contains($0) })
        #expect(try #require(offsets.min()) < -0.2)
        #expect(try #require(offsets.max()) > 0.2)
    }

    @Test("The drop rate drops that share of samples, and the counter shows it")
    func drops() throws {
        var device = try device("drop_rate: 0.25\nstamps: none")
        let steps = device.steps(until: .seconds(1999)).map(\.step)
        let dropped = steps.map(\.dropped).reduce(0, +)
        let sent = steps.map(\.publications.count).reduce(0, +)
        #expect(dropped + sent == 2000)
        #expect((400...600).contains(dropped))
        #expect(
            steps.last.map { $0.publications.isEmpty || $0.publications[0].payload == Array(#"{"seq":1999}"#.utf8) }
                == true)
    }

    @Test("A burst sends that many additional readings at once")
    func burst() throws {
        var device = try device("burst: {every: 2500ms, readings: 7}\nstamps: none")
        let steps = device.steps(until: .seconds(3))
        #expect(steps.map(\.step.publications.count) == [1, 1, 1, 7, 1])
        #expect(steps.map(\.step.readings) == [1, 1, 1, 7, 1])
        #expect(steps[3].due == .milliseconds(2500))
    }

    @Test("While offline, a device is disconnected and sends nothing, then reconnects")
    func offline() throws {
        var device = try device("interval: 100ms\noffline: {every: 30s, for: 10s}")
        var isOffline = false
        var offlineSince = Duration.zero
        var windows: [Duration] = []
        for (due, step) in device.steps(until: .seconds(300)) {
            switch step.connection {
            case .lost:
                #expect(!isOffline)
                isOffline = true
                offlineSince = due
            case .restored:
                #expect(isOffline)
                isOffline = false
                windows.append(due - offlineSince)
            case nil:
                #expect(step.publications.count == (isOffline ? 0 : 1))
                #expect(step.skipped == (isOffline ? 1 : 0))
            }
        }
        #expect(windows.count >= 9)
        #expect(windows.allSatisfy { $0 == .seconds(10) })
    }

    @Test("Only the configured share of a fleet goes offline")
    func offlineShare() throws {
        let profile = try Profiles.json("count: 200\noffline: {every: 30s, for: 10s, share: 0.25}")
        var count = 0
        for var device in profile.devices()
        where device.steps(until: .seconds(60)).contains(where: { $0.step.connection != nil }) {
            count += 1
        }
        #expect((25...75).contains(count))
    }

    @Test("A device stops after exactly its message limit", arguments: [1, 5, 6])
    func limit(count: Int) throws {
        let profile = try Profiles.profile(
            """
            {device: d, topic: "sensors/{device}/{metric}", convention: bare, drop_rate: 0.3, metrics: {a: 1, b: 2}}
            """)
        var device = VirtualDevice(name: "d", profile: profile, messageLimit: count)
        #expect(device.steps(until: .seconds(1000)).flatMap(\.step.publications).count == count)
        #expect(device.due == nil)
    }

    @Test(
        "Timestamps show the device's skewed clock",
        arguments: [("clock_skew: 1500ms", 1500.0), ("clock_skew: -2s", -2000), ("stamps: now", 0)])
    func skew(more: String, milliseconds: Double) throws {
        var device = try device(more)
        let payload = try #require(device.advance(now: VirtualDevice.start).publications.first?.payload)
        let stamp = try JSONParser.parse(payload)["ts"]?.numberValue
        #expect(stamp == VirtualDevice.start.millisecondsSinceEpoch + milliseconds)
    }

    @Test("Random skew applies to its share of the fleet, within its limit")
    func randomSkew() throws {
        let skew = ClockSkew.random(upTo: .seconds(3), share: 0.5)
        let offsets = (0..<400).map { skew.offset(deviceSeed: SeededGenerator.derive(1, "\($0)")).seconds }
        #expect(offsets.allSatisfy { (-3...3).contains($0) })
        #expect((150...250).contains(offsets.count { $0 != 0 }))
        #expect(offsets.contains { $0 > 1 } && offsets.contains { $0 < -1 })
    }
}
