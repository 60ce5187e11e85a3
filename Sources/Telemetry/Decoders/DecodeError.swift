package import Core

/// An error that explains why a message could not be decoded.
///
/// A message is decoded completely or not at all: no part of a rejected message becomes a reading.
package enum DecodeError: Error, Hashable, Sendable {
    /// An empty payload, which is how MQTT clears a retained message.
    case empty
    case tooLarge(byteCount: Int, limit: Int)
    case invalidUTF8(offset: Int)
    case invalidJSON(JSONError)
    case tooDeep(limit: Int)
    /// A duplicate name in a JSON object.
    case duplicateName(String)
    /// A JSON object with more members than allowed.
    case tooManyMembers(limit: Int)
    /// NaN, an infinity, or a number beyond the range of a double.
    case notFinite
    /// The payload has no value that could be a metric.
    case noNumber
    /// A number with a comma before its fraction.
    case decimalComma(String)
    /// A number with a unit after it.
    case numberWithUnit(String)
    /// None of a route's paths leads to a value. The text names some of them.
    case noMappedValue(paths: String)
    /// Rules of the route drop all metrics of the message. Such a message is no failure.
    case dropped
    /// A value of a type that the convention does not allow.
    case wrongType(what: String, expected: String, found: String)
    /// A device name, or another topic level captured by the route, that is not allowed as a level of a room's name.
    /// `nil` if neither the topic nor the payload names a device.
    case badDevice(String?)
    /// The payload names a device other than the topic's, which the route does not allow.
    case foreignDevice(String, topicDevice: String)
    /// A metric name that is empty or longer than ``Metric/maximumNameByteCount``.
    case badMetric(String)
    case badTime(String)
    /// A payload on a status topic that means neither online nor offline.
    case badStatus(String)
    case tooManyMetrics(limit: Int)
    case tooManyReadings(limit: Int)
    /// Too many metrics in all readings of a payload together.
    case tooManyValues(limit: Int)
    /// No route matches the topic.
    case noRoute(topic: String)
    /// A message that carries no reading by its convention or its topic, such as a command or the state of a bridge.
    case notAReading(topic: String)
}

extension DecodeError {
    /// A stable name of the case, used in metric labels and dead letters. Each case has its own.
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
        case .decimalComma: "decimal_comma"
        case .numberWithUnit: "number_with_unit"
        case .noMappedValue: "no_mapped_value"
        case .dropped: "dropped"
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

    /// Returns the error for a payload without metrics.
    static func noMetrics(hasDropped: Bool) -> DecodeError { hasDropped ? .dropped : .noNumber }

    /// Converts a JSON error into the corresponding payload error.
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
    /// A description of the failure and the allowed values.
    package var description: String {
        switch self {
        case .empty: "the payload is empty"
        case .tooLarge(let byteCount, let limit): "the payload has \(byteCount) bytes; allowed: at most \(limit)"
        case .invalidUTF8(let offset): "the payload is not valid UTF-8 at byte \(offset)"
        case .invalidJSON(let error): "the payload is not valid JSON: \(error)"
        case .tooDeep(let limit): "the payload is nested too deeply; allowed: at most \(limit) levels"
        case .duplicateName(let name): "duplicate name \(Excerpt(of: name)) in a JSON object"
        case .tooManyMembers(let limit): "too many members in a JSON object; allowed: at most \(limit)"
        case .notFinite: "the payload contains a number that is NaN, infinite or beyond ±1.8e308"
        case .noNumber: "the payload contains no number or boolean to use as a metric"
        case .decimalComma(let text):
            "\(Excerpt(of: text)) has a decimal comma; expected a number with a point, such as 21.5"
        case .numberWithUnit(let text):
            """
            \(Excerpt(of: text)) has a unit; expected the number alone. The route can give the unit: \
            metrics: {NAME: {unit: UNIT}}
            """
        case .noMappedValue(let paths):
            """
            no path of the route leads to a number, a boolean or a known state in the payload; it looks at \(paths). \
            windsock check --payload FILE --topic TOPIC shows what the route reads
            """
        case .dropped: "the route drops all metrics of the payload"
        case .wrongType(let what, let expected, let found): "\(what) is \(found); expected \(expected)"
        case .badDevice(let name?):
            """
            \(Excerpt(of: name)) is not a valid device name or room level; allowed: 1 to \(DeviceID.maximumByteCount) \
            bytes in Unicode form NFC, without '/', '+', '#' or control characters
            """
        case .foreignDevice(let name, let topicDevice):
            """
            the payload names the device \(Excerpt(of: name)), but the topic names \(Excerpt(of: topicDevice)); readings \
            of other devices require a route with devices_in_payload: true
            """
        case .badDevice(nil): "neither the topic nor the payload names a device; capture {device} in the route"
        case .badMetric(let name):
            "\(Excerpt(of: name)) is not a valid metric name; allowed: 1 to \(Metric.maximumNameByteCount) bytes in Unicode form NFC"
        case .badTime(let text):
            "\(Excerpt(of: text)) is not a valid time; expected a Unix time or an ISO 8601 date and time"
        case .badStatus(let text):
            """
            \(Excerpt(of: text)) is not a valid device status; allowed: online, offline, connected, disconnected, true, \
            false, 1 or 0, or a JSON object with one of them as state or status
            """
        case .tooManyMetrics(let limit): "too many metrics in a reading; allowed: at most \(limit)"
        case .tooManyReadings(let limit): "too many readings in the payload; allowed: at most \(limit)"
        case .tooManyValues(let limit): "too many values in the readings of the payload; allowed: at most \(limit)"
        case .noRoute(let topic): "no route matches the topic \(Excerpt(of: topic))"
        case .notAReading(let topic): "the message to the topic \(Excerpt(of: topic)) carries no reading"
        }
    }
}
