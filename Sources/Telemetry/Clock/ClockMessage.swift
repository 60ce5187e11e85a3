/// What is said in a clock exchange over MQTT: Unix milliseconds with a fraction, as `clock_sync` has them.
package enum ClockMessage {
    /// The most bytes of a request's `id`.
    package static let maxIDByteCount = 64
    /// The most bytes of a request, which are several times what an honest one has.
    static let maxByteCount = 1024

    /// What a device asks.
    package struct Request: Sendable, Hashable {
        /// Comes back in the answer, so that late answers can be told apart.
        package var id: String?
        /// The device's time, as the device wrote it.
        package var sentAt: Double

        package init(id: String?, sentAt: Timestamp) {
            self.id = id
            self.sentAt = sentAt.millisecondsSinceEpoch
        }

        /// Reads a request; `nil` when it is none.
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

    /// What the gateway answers.
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

        /// Reads a response; `nil` when it is none.
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
