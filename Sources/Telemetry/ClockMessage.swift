package import Core

/// The messages of a clock exchange over MQTT. Times are Unix milliseconds with a fraction, as in the WebSocket message
/// `clock_sync`.
package enum ClockMessage {
    /// The maximum length of a request's `id` in bytes.
    package static let maxIDByteCount = 64
    /// The maximum size of a request in bytes, several times what a correct request needs.
    static let maxByteCount = 1024

    /// A device's request.
    package struct Request: Sendable, Hashable {
        /// An identifier that the response repeats, so that the device can recognise late responses.
        package var id: String?
        /// The device's time when it sent the request, exactly as the device wrote it.
        package var sentAt: Double

        package init(id: String?, sentAt: Timestamp) {
            self.id = id
            self.sentAt = sentAt.millisecondsSinceEpoch
        }

        /// Parses a request; `nil` if the payload is not a valid one.
        package init?(json payload: [UInt8]) {
            guard payload.count <= ClockMessage.maxByteCount, let value = try? JSONParser.parse(payload),
                let sentAt = value["t0"]?.numberValue
            else { return nil }
            switch value["id"] {
            case nil, .null: id = nil
            case .string(let text) where text.utf8.count <= ClockMessage.maxIDByteCount: id = text
            default: return nil
            }
            self.sentAt = sentAt
        }

        package var json: [UInt8] {
            var object = JSONObjectBuilder()
            if let id { object.add("id", id) }
            object.add("t0", sentAt)
            return object.finished()
        }
    }

    /// The gateway's response.
    package struct Response: Sendable, Hashable {
        package var id: String?
        package var sentAt: Double
        package var receivedAt: Timestamp
        package var answeredAt: Timestamp

        package init(to request: Request, receivedAt: Timestamp, answeredAt: Timestamp) {
            id = request.id
            sentAt = request.sentAt
            self.receivedAt = receivedAt
            self.answeredAt = answeredAt
        }

        /// Parses a response; `nil` if the payload is not a valid one.
        package init?(json payload: [UInt8]) {
            guard let value = try? JSONParser.parse(payload), let sentAt = value["t0"]?.numberValue,
                let received = value["t1"]?.numberValue.flatMap({ Timestamp(millisecondsSinceEpoch: $0) }),
                let answered = value["t2"]?.numberValue.flatMap({ Timestamp(millisecondsSinceEpoch: $0) })
            else { return nil }
            id = value["id"]?.stringValue
            self.sentAt = sentAt
            receivedAt = received
            answeredAt = answered
        }

        package var json: [UInt8] {
            var object = JSONObjectBuilder()
            if let id { object.add("id", id) }
            object.add("t0", sentAt)
            object.add("t1", receivedAt.millisecondsSinceEpoch)
            object.add("t2", answeredAt.millisecondsSinceEpoch)
            return object.finished()
        }
    }
}

/// The MQTT topics of clock exchanges. Any device may use them.
///
///     windsock/clock/{device}/request    {"id":"7","t0":1763900000123.4}
///     windsock/clock/{device}/response   {"id":"7","t0":1763900000123.4,"t1":…,"t2":…}
package enum ClockTopics {
    private static let prefix = "windsock/clock/"
    private static let requestSuffix = "/request"

    /// The filter that the gateway subscribes to.
    package static let requests = "windsock/clock/+/request"
    /// The filter of the topics that the gateway answers on.
    package static let responses = "windsock/clock/+/response"

    package static func request(of device: DeviceID) -> String { "\(prefix)\(device.rawValue)\(requestSuffix)" }
    package static func response(to device: DeviceID) -> String { "\(prefix)\(device.rawValue)/response" }

    /// Returns the device whose request topic this is; `nil` for other topics.
    package static func device(requestingOn topic: String) -> DeviceID? {
        // Most topics already differ in their first bytes.
        guard topic.utf8.starts(with: prefix.utf8),
            topic.utf8.count <= prefix.utf8.count + DeviceID.maximumByteCount + requestSuffix.utf8.count,
            topic.hasSuffix(requestSuffix)
        else { return nil }
        return DeviceID(String(topic.dropFirst(prefix.count).dropLast(requestSuffix.count)))
    }
}
