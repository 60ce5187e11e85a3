import Core
import Telemetry
import Testing

@testable import DeviceSimulator

@Suite("Waveforms")
struct WaveformTests {
    /// Samples a waveform once per second.
    private func values(_ parts: String, count: Int = 2000, seed: UInt64 = 1) throws -> [Double] {
        let profile = try Profiles.json("seed: \(seed)", waveform: parts)
        var sampler = Sampler(profile: profile, deviceSeed: seed)
        return (0..<count).flatMap { sampler.metrics(at: .seconds($0), row: nil).map(\.value) }
    }

    static let kinds = [
        "5", "{sine: {amplitude: 2, period: 60s}}", "{day: {low: 1, high: 9, period: 100s}}",
        "{random_walk: {start: 5, step: 1, min: 0, max: 10}}", "{steps: {levels: [1, 2, 3], hold: 10s}}",
        "{pulse: {height: 3, every: 30s, for: 5s, rise: 2s, fall: 4s}}", "{spikes: {every: 20s, height: 4}}",
        "{noise: 0.5}", "{counter: {start: 3, step: 2}}", "[10, {noise: 1}, {sine: {amplitude: 1, period: 9s}}]",
    ]

    @Test("The same seed gives the same values", arguments: kinds)
    func sameSeed(parts: String) throws {
        #expect(try values(parts) == values(parts))
    }

    @Test(
        "Another seed gives different values",
        arguments: ["{noise: 1}", "{random_walk: {start: 5, step: 1, min: 0, max: 10}}"])
    func otherSeed(parts: String) throws {
        #expect(try values(parts, seed: 1) != values(parts, seed: 2))
    }

    @Test(
        "Values stay within the limits of the waveform",
        arguments: [
            ("{sine: {amplitude: 2, period: 60s}}", -2.0, 2.0), ("{day: {low: 1, high: 9, period: 100s}}", 1, 9),
            ("{day: {low: 0, high: 9, period: 100s, daylight: true}}", 0, 9),
            ("{random_walk: {start: 5, step: 3, min: 4, max: 6}}", 4, 6),
            ("{pulse: {height: 3, every: 30s, for: 5s}}", 0, 3), ("{spikes: {every: 20s, height: 4}}", 0, 4),
            ("{noise: 0.5}", -2.5, 2.5),
        ])
    func bounds(parts: String, low: Double, high: Double) throws {
        let values = try values(parts)
        #expect(values.allSatisfy { low...high ~= $0 })
        // The values come close to both ends, so a flat line would not pass.
        let span = high - low
        #expect(try #require(values.min()) < low + span * 0.35)
        #expect(try #require(values.max()) > high - span * 0.35)
    }

    @Test("A day is coldest in the early morning and warmest in the afternoon")
    func day() throws {
        let values = try values("{day: {low: 0, high: 10, period: 24s}}", count: 24)
        #expect(values.firstIndex(of: 0) == 5)
        #expect(values.firstIndex(of: 10) == 15)
    }

    @Test("Steps hold their levels in turn")
    func steps() throws {
        #expect(try values("{steps: {levels: [1, 7], hold: 2s}}", count: 6) == [1, 1, 7, 7, 1, 1])
    }

    @Test("Pulses have their duration and occur once per period")
    func pulses() throws {
        let values = try values("{pulse: {height: 1, every: 50s, for: 10s}}", count: 1000)
        let open = values.count { $0 == 1 }
        #expect((150...250).contains(open))
        let starts = zip(values, values.dropFirst()).count { $0 == 0 && $1 == 1 }
        #expect((18...20).contains(starts))
    }

    @Test("A temperature rises exactly while the door of the same schedule is open")
    func coupledPulses() throws {
        let profile = try Profiles.profile(
            """
            {device: d, topic: "sensors/{device}", convention: json, metrics: {
              door: [{pulse: {height: 1, every: 60s, for: 12s}}],
              temperature: {decimals: 9, waveform: {pulse: {height: 5, every: 60s, for: 12s, rise: 10s, fall: 20s}}}}}
            """)
        var sampler = Sampler(profile: profile, deviceSeed: 99)
        let samples = (0..<600).map { sampler.metrics(at: .seconds($0), row: nil).map(\.value) }
        var openings = 0
        for (earlier, later) in zip(samples, samples.dropFirst()) where earlier[0] == later[0] {
            if later[0] == 1 { openings += 1 }
            #expect(later[0] == 1 ? later[1] > earlier[1] : later[1] <= earlier[1])
        }
        #expect(openings > 50)
    }

    @Test("A counter counts samples")
    func counter() throws {
        #expect(try values("{counter: {start: 3, step: 2}}", count: 4) == [3, 5, 7, 9])
    }

    @Test("Parts are added, then limited, then rounded")
    func composition() throws {
        let profile = try Profiles.profile(
            """
            {device: d, topic: "sensors/{device}", convention: json, metrics: {
              sum: {decimals: 1, max: 12.26, waveform: [10, {counter: {step: 0.55}}, {constant: 1}]}}}
            """)
        var sampler = Sampler(profile: profile, deviceSeed: 0)
        let values = (0..<4).flatMap { sampler.metrics(at: .seconds($0), row: nil).map(\.value) }
        #expect(values == [11, 11.6, 12.1, 12.3])
    }

    @Test("A metric's values do not depend on other metrics")
    func independence() throws {
        func temperatures(_ more: String) throws -> [Double] {
            let profile = try Profiles.profile(
                """
                {device: d, topic: "sensors/{device}", convention: json, metrics: {\(more)
                  temperature: {waveform: {noise: 1}}}}
                """)
            var sampler = Sampler(profile: profile, deviceSeed: 4)
            return (0..<50).compactMap { sampler.metrics(at: .seconds($0), row: nil).last?.value }
        }
        #expect(try temperatures("") == temperatures("humidity: {waveform: {noise: 1}}, "))
    }
}
