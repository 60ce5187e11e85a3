import Foundation
import Gateway
import Telemetry

/// What each decoder thinks of a payload: for `windsock check --payload FILE --topic T`.
struct PayloadCheck {
    let configuration: GatewayConfiguration
    let topic: String
    let payload: [UInt8]

    /// Lines for people, and whether the gateway would take the message.
    func report(at now: Timestamp) -> (lines: [String], isTaken: Bool) {
        var lines = ["\(payload.count) bytes on \(topic)"]
        var decoder = TelemetryDecoder(
            routes: configuration.routes, statusRoutes: configuration.statusRoutes,
            limits: configuration.decodingLimits)
        var isTaken = false
        do throws(DecodeError) {
            switch try decoder.decodeMessage(topic: topic, payload: payload, receivedAt: now) {
            case .readings(let readings):
                isTaken = true
                lines.append("taken as \(readings.count == 1 ? "a reading" : "\(readings.count) readings"):")
                lines += readings.map(Self.text)
            case .status(let report):
                isTaken = true
                lines.append("taken as a status: \(report.device) is \(report.isOnline ? "online" : "offline")")
            case .clearedStatus:
                isTaken = true
                lines.append("taken as a status that is cleared")
            }
        } catch {
            lines.append("not taken (\(error.reason)): \(error)")
        }
        if let pattern = decoder.pattern(ofTopic: topic) { lines.append("by the route \(pattern)") }
        lines.append("What each convention makes of it:")
        lines += PayloadConvention.allCases.map { "  \($0.rawValue): \(opinion(of: $0, at: now))" }
        return (lines, isTaken)
    }

    /// With the device and metric that the topic names by the first route that fits it, whatever its convention.
    private func opinion(of convention: PayloadConvention, at now: Timestamp) -> String {
        let match = configuration.routes.lazy.compactMap { route in
            route.captures(in: topic).map { (route: route, captures: $0) }
        }.first
        let captures = match?.captures ?? [:]
        let context = DecodingContext(
            topic: topic, device: captures["device"].flatMap { DeviceID($0) }, metric: captures["metric"],
            receivedAt: now, allowsForeignDevices: match?.route.allowsForeignDevices ?? false,
            limits: configuration.decodingLimits)
        do throws(DecodeError) {
            let readings = try convention.decoder.decode(payload, context: context)
            return readings.map { reading in
                "\(reading.device) \(reading.metrics.map(Self.text).joined(separator: ", "))"
            }.joined(separator: "; ")
        } catch {
            return "no: \(error)"
        }
    }

    private static func text(_ reading: Reading) -> String {
        let time = reading.implausibleDeviceTime == nil ? "" : ", its time is too far off to be believed"
        return "  \(reading.device) in \(reading.room) at \(reading.time.rfc3339)"
            + "\(reading.hasDeviceTime ? "" : " (time of receipt)")\(time): "
            + reading.metrics.map(text).joined(separator: ", ")
    }

    private static func text(_ metric: Metric) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(metric.value, to: &bytes)
        return "\(metric.name) \(String(decoding: bytes, as: UTF8.self))\(metric.unit.map { " \($0)" } ?? "")"
    }
}
