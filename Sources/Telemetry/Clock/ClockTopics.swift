/// The topics of the clock exchange over MQTT, open to any device.
///
///     windsock/clock/{device}/request    {"id":"7","t0":1763900000123.4}
///     windsock/clock/{device}/response   {"id":"7","t0":1763900000123.4,"t1":…,"t2":…}
package enum ClockTopics {
    private static let prefix = "windsock/clock/"
    private static let requestSuffix = "/request"

    /// What the gateway subscribes to.
    package static let requests = "windsock/clock/+/request"

    package static func request(of device: DeviceID) -> String { "\(prefix)\(device.rawValue)\(requestSuffix)" }
    package static func response(to device: DeviceID) -> String { "\(prefix)\(device.rawValue)/response" }

    /// Whose request a topic is; `nil` for other topics.
    package static func device(requestingOn topic: String) -> DeviceID? {
        // Most topics differ in their first bytes.
        guard topic.utf8.starts(with: prefix.utf8),
            topic.utf8.count <= prefix.utf8.count + DeviceID.maximumByteCount + requestSuffix.utf8.count,
            topic.hasSuffix(requestSuffix)
        else { return nil }
        return DeviceID(String(topic.dropFirst(prefix.count).dropLast(requestSuffix.count)))
    }
}
