import Core
import MQTTTransport
import Telemetry
import Testing

@Suite("Minimal sets of subscriptions")
struct MQTTSubscriptionTests {
    @Test(
        "A covered filter is omitted, and the covering one gets the higher QoS",
        arguments: [
            (["a/#": 0, "a/b": 1], ["a/#": 1]),
            (["a/+": 1, "a/b": 0, "c": 0], ["a/+": 1, "c": 0]),
            (["a/#": 0, "$share/g/a/#": 1], ["a/#": 0, "$share/g/a/#": 1]),
            (["$share/g/#": 0, "$share/g/a": 1], ["$share/g/#": 1]),
            ([:], [:]),
        ] as [([String: UInt8], [String: UInt8])])
    func minimal(asked: [String: UInt8], made: [String: UInt8]) throws {
        let subscriptions = try asked.map { filter, qos in
            MQTTSubscription(filter: try TopicFilter(filter), qos: try #require(MQTTQoS(rawValue: qos)))
        }
        let minimal = MQTTSubscription.minimal(subscriptions)
        #expect(minimal.count == made.count)
        for subscription in minimal {
            #expect(made[subscription.filter.rawValue] == subscription.qos.rawValue)
        }
    }
}
