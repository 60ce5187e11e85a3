import Core
import Telemetry
import TestSupport
import Testing

@Suite("No payload crashes a decoder")
struct MutationTests {
    private static let samples = [
        "21.5", "ON", #"{"temperature":21.5,"humidity":40.2,"seq":17,"stamp":12345678901234}"#,
        #"{"ts":1714564800000,"values":{"temperature":21.5,"nested":{"a":{"value":1,"unit":"°F"}}}}"#,
        #"[{"time":"2024-05-01T12:00:00.25+02:00","a":true},{"value":1e-7,"unit":"°C","name":"\u00e9\ud83c\udf21"}]"#,
        #"{"Device A":[{"ts":1483228800000,"values":{"temperature":42}}],"Device B":[{"t":1}]}"#,
        #"{"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":70.7,"DewPoint":null},"ENERGY":{"Power":[1,2]},"POWER":"ON","TempUnit":"F"}"#,
        #"{"contact":true,"state":"ON","last_seen":1714564800000,"color":{"x":0.1},"update":{"a":1}}"#,
        #"[{"bn":"urn:dev:ow:10e2:","bt":1.320067464e+09,"bu":"%RH","bv":1,"v":20},{"n":"a","t":-60,"s":3},{"n":"b","vb":true}]"#,
        #"{"src":"s1","method":"NotifyStatus","params":{"ts":1714564800.5,"switch:0":{"id":0,"aenergy":{"total":1.5}},"wifi":{"rssi":-5}}}"#,
        #"{"end_device_ids":{"device_id":"d"},"uplink_message":{"decoded_payload":{"t":1},"rx_metadata":[{"rssi":-3,"snr":5}]}}"#,
        #"{"time":"2024-05-01T12:00:00Z","deviceInfo":{"deviceName":"n"},"object":{"t":{"1":2}},"rxInfo":[{"rssi":-3}]}"#,
        #"{"_type":"location","lat":48.85,"lon":3.2,"tst":1714564800,"batt":85}"#,
        #"w\ x,a\,b=c,host=h t=1,n=2i,u=3u,s="a\"b",o=true 1714564800000000000"#,
    ].map { Array($0.utf8) }

    private static let topics = [
        "a/d1", "n/sensor/x/state", "shellies/d1/relay/0", "shellies/d1/sensor/state", "d1/status/switch:0",
        "d1/events/rpc", "owntracks/user/d1", "zigbee2mqtt/kitchen/d1", "homeassistant/sensor/d1/state",
    ]

    /// Bytes with a meaning in some format, so that mutations get past the first checks.
    private static let tokens =
        Array(#"{}[]":,.-+eE0123456789\uatfn/#"#.utf8) + [0x00, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xFF]

    private static func mutated(_ payload: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var payload = payload
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let index = Int.random(in: 0...payload.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: payload.insert(tokens.randomElement(using: &random) ?? 0, at: index)
            case 1: if index < payload.count { payload.remove(at: index) }
            case 2: if index < payload.count { payload[index] = tokens.randomElement(using: &random) ?? 0 }
            case 3: payload.removeLast(payload.count - index)
            default:
                let end = Int.random(in: index...payload.count, using: &random)
                payload.insert(contentsOf: payload[index..<end], at: Int.random(in: 0...payload.count, using: &random))
            }
        }
        return payload
    }

    @Test("A mutated payload gives valid readings or an error with a reason", arguments: PayloadConvention.allCases)
    func mutations(convention: PayloadConvention) throws {
        var random = SeededRandom(seed: 20_240_501)
        let decoder = convention.decoder
        var decodedCount = 0
        for round in 0..<4_000 {
            let payload = Self.mutated(Self.samples[round % Self.samples.count], using: &random)
            let context = context(
                topic: Self.topics[round / 7 % Self.topics.count], device: round % 5 == 0 ? nil : "d1",
                metric: round % 2 == 0 ? "m" : nil, convertsFahrenheit: round % 7 == 0)
            do throws(DecodeError) {
                let readings = try decoder.decode(payload, context: context)
                decodedCount += 1
                #expect(!readings.isEmpty)
                for reading in readings {
                    #expect(!reading.metrics.isEmpty)
                    #expect(Set(reading.metrics.map(\.name)).count == reading.metrics.count)
                    #expect(reading.metrics.allSatisfy { $0.value.isFinite && (1...128).contains($0.name.utf8.count) })
                }
            } catch {
                #expect(!error.reason.isEmpty && !error.description.isEmpty)
            }
        }
        #expect(decodedCount > 0)
    }

    @Test("Mutated JSON that parses survives writing and parsing again")
    func jsonRoundTrip() throws {
        var random = SeededRandom(seed: 99)
        for round in 0..<20_000 {
            let payload = Self.mutated(Self.samples[round % Self.samples.count], using: &random)
            guard let value = try? JSONParser.parse(payload) else { continue }
            var bytes: [UInt8] = []
            value.append(to: &bytes)
            #expect(try JSONParser.parse(bytes) == value)
        }
    }
}
