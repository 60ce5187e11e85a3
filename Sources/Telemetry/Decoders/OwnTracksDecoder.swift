import Core

/// A decoder of locations from OwnTracks: `owntracks/{user}/{device}`.
///
///     {"_type":"location","lat":48.85833,"lon":3.29513,"alt":117,"acc":12,"vel":54,"batt":85,"tst":1714564800,"tid":"jd"}
///
/// The metrics keep OwnTracks' names and have its units: degrees, metres, km/h, per cent and kPa. `tst` is the time. If
/// the route captures no device, user and device of the topic form its name (`jane:phone`), because many users call
/// their phones the same. Texts are ignored, except for states that the route knows. Messages of other types
/// (`transition`, `waypoint`, `lwt`, `encrypted`, …) carry no reading.
///
/// Source: "JSON" in the OwnTracks booklet.
package struct OwnTracksDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .owntracks }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .object(let members) = value else {
            throw .wrongType(what: "the payload", expected: "an object", found: value.kind)
        }
        guard let type = value["_type"]?.stringValue else {
            throw .wrongType(what: "the member '_type'", expected: "a string", found: value["_type"]?.kind ?? "missing")
        }
        guard ExactString(type) == "location" else { throw .notAReading(topic: context.topic) }
        var collector = MetricCollector(context: context, expecting: 8)
        var time: Timestamp?
        for member in members {
            switch (ExactString(member.name), member.value) {
            case ("_type", _): continue
            case ("tst", let value): time = try DeviceTime.timestamp(from: value)
            case (let name, .number(let number)):
                if let unit = Self.unit(of: name) { try collector.add(member.name, number, unit: unit) }
            case (_, .string(let text)): try collector.add(member.name, text: text)
            case (_, .array): collector.ignore(member.name, .array)
            default: continue
            }
        }
        if collector.isEmpty { throw .noMetrics(hasDropped: collector.hasDropped) }
        let device = try context.device(orNamed: Self.device(inTopic: context.topic))
        return [
            DecodedReading(device: device, metrics: collector.metrics, deviceTime: time, ignored: collector.ignored)
        ]
    }

    /// Returns true if an object is a location. Only `_type` tells it from other JSON with coordinates.
    static func isLocation(_ value: JSONValue) -> Bool {
        value["_type"]?.stringValue.map(ExactString.init(stringLiteral:)) == "location"
    }

    /// Returns the user and the device that the topic names.
    private static func device(inTopic topic: String) -> String? {
        let levels = topic.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return levels.count >= 3 ? "\(levels[1]):\(levels[2])" : nil
    }

    /// Returns the unit of a measured quantity; `nil` for other members, which are not metrics.
    private static func unit(of name: ExactString) -> String? {
        switch name {
        case "lat", "lon", "cog": "°"
        case "alt", "acc", "vac": "m"
        case "vel": "km/h"
        case "batt": "%"
        case "p": "kPa"
        default: nil
        }
    }
}
