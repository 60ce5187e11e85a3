import Core
import Telemetry

extension DecodedMessage {
    /// Refuses a message with a name that is not in normal form.
    ///
    /// - Throws: ``DecodeError``.
    func checkNames() throws(DecodeError) {
        switch self {
        case .readings(let readings):
            for reading in readings {
                try Self.check(reading.device, in: [reading.room])
                for metric in reading.metrics where !metric.name.isInNormalForm { throw .badMetric(metric.name) }
            }
        case .status(let report): try Self.check(report.device, in: report.rooms)
        case .clearedStatus: break
        }
    }

    private static func check(_ device: DeviceID, in rooms: [String]) throws(DecodeError) {
        guard device.rawValue.isInNormalForm, rooms.allSatisfy(\.isInNormalForm) else {
            throw .badDevice(device.rawValue)
        }
    }
}
