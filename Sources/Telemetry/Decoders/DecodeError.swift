/// Why a payload gave no readings.
///
/// A message is decoded as a whole or not at all, so that a dead letter holds everything that was lost.
package enum DecodeError: Error, Hashable, Sendable {
    /// The payload has no bytes: how MQTT clears a retained message.
    case empty
    case tooLarge(byteCount: Int, limit: Int)
    case invalidUTF8(offset: Int)
    case invalidJSON(JSONError)
    case tooDeep(limit: Int)
    /// A JSON object has a name twice.
    case duplicateName(String)
    /// A JSON object has more members than are looked at.
    case tooManyMembers(limit: Int)
    /// NaN, an infinity, or a number beyond what a double holds.
    case notFinite
    /// Nothing in the payload is a value.
    case noNumber
    /// Something stands where the convention wants something else.
    case wrongType(what: String, expected: String, found: String)
    /// A device's name, or another captured level, that cannot be a level of a room; `nil` when there is no name.
    case badDevice(String?)
    /// The payload names a device although the topic names another one.
    case foreignDevice(String, topicDevice: String)
    /// The name of a metric that is empty or longer than ``Metric/maximumNameByteCount``.
    case badMetric(String)
    case badTime(String)
    /// What stands on a status topic and says neither online nor offline.
    case badStatus(String)
    case tooManyMetrics(limit: Int)
    case tooManyReadings(limit: Int)
    /// All readings together have too many metrics.
    case tooManyValues(limit: Int)
    /// The topic is of no route.
    case noRoute(topic: String)
    /// The convention uses this topic for something else, such as availability.
    case notAReading(topic: String)
}

extension DecodeError {
    /// A stable name of the case for metric labels and dead letters; there are as many as cases.
    package var reason: String {
        switch self {
        case .empty: "empty"
        case .tooLarge: "too_large"
        case .invalidUTF8: "invalid_utf8"
        case .invalidJSON: "invalid_json"
        case .tooDeep: "too_deep"
        case .duplicateName: "duplicate_name"
        case .tooManyMembers: "too_many_members"
        case .notFinite: "not_finite"
        case .noNumber: "no_number"
        case .wrongType: "wrong_type"
        case .badDevice: "bad_device"
        case .foreignDevice: "foreign_device"
        case .badMetric: "bad_metric"
        case .badTime: "bad_time"
        case .badStatus: "bad_status"
        case .tooManyMetrics: "too_many_metrics"
        case .tooManyReadings: "too_many_readings"
        case .tooManyValues: "too_many_values"
        case .noRoute: "no_route"
        case .notAReading: "not_a_reading"
        }
    }

    /// The same failure as `error`, by the names of payloads.
    init(_ error: JSONError) {
        switch error.reason {
        case .empty: self = .empty
        case .invalidUTF8: self = .invalidUTF8(offset: error.offset)
        case .tooDeep(let limit): self = .tooDeep(limit: limit)
        case .duplicateName(let name): self = .duplicateName(name)
        case .tooManyMembers(let limit): self = .tooManyMembers(limit: limit)
        case .tooManyValues(let limit): self = .tooManyValues(limit: limit)
        case .notFinite, .numberTooLarge: self = .notFinite
        default: self = .invalidJSON(error)
        }
    }
}

extension DecodeError: CustomStringConvertible {
    /// One sentence for people: what is wrong, and what is allowed.
    package var description: String {
        switch self {
        case .empty: "the payload is empty"
        case .tooLarge(let byteCount, let limit): "the payload has \(byteCount) bytes; \(limit) are allowed"
        case .invalidUTF8(let offset): "the payload is not UTF-8 from byte \(offset) on"
        case .invalidJSON(let error): "the payload is not JSON: \(error)"
        case .tooDeep(let limit): "the payload nests deeper than \(limit) levels"
        case .duplicateName(let name): "the payload has the name \(Excerpt(of: name)) twice in one object"
        case .tooManyMembers(let limit): "the payload has an object of more than \(limit) members"
        case .notFinite: "the payload has a number that is NaN, infinite or beyond 1.8e308"
        case .noNumber: "the payload has no number, true or false to make a metric of"
        case .wrongType(let what, let expected, let found): "\(what) is \(found), expected is \(expected)"
        case .badDevice(let name?):
            """
            \(Excerpt(of: name)) cannot be a device's or a room's name; allowed are 1 to \
            \(DeviceID.maximumByteCount) bytes in Unicode's form NFC, without '/', '+', '#' and control characters
            """
        case .foreignDevice(let name, let topicDevice):
            """
            the payload names the device \(Excerpt(of: name)), the topic \(Excerpt(of: topicDevice)); only a route with \
            devices_in_payload: true takes other devices' readings
            """
        case .badDevice(nil): "neither the topic nor the payload names a device; capture {device} in the route"
        case .badMetric(let name):
            "the metric name \(Excerpt(of: name)) does not have 1 to \(Metric.maximumNameByteCount) bytes in Unicode's form NFC"
        case .badTime(let text):
            "the time \(Excerpt(of: text)) is neither a Unix time nor an ISO 8601 date and time"
        case .badStatus(let text):
            """
            \(Excerpt(of: text)) on a status topic is no status; allowed are online, offline, connected, disconnected, \
            true, false, 1 and 0, or a JSON object with one of them as state or status
            """
        case .tooManyMetrics(let limit): "a reading has more than \(limit) metrics"
        case .tooManyReadings(let limit): "the payload has more than \(limit) readings"
        case .tooManyValues(let limit): "the payload has more than \(limit) values in all its readings"
        case .noRoute(let topic): "no route matches the topic \(Excerpt(of: topic))"
        case .notAReading(let topic): "the topic \(Excerpt(of: topic)) carries no readings"
        }
    }
}
