import Foundation
import Telemetry

extension String {
    /// The same text in Unicode's normal form NFC, for names that operators write into files.
    package var inNormalForm: String { isPlain ? self : precomposedStringWithCanonicalMapping }

    /// Whether it is in normal form, as names that come from outside must be.
    ///
    /// Swift takes `é` and `e` with an accent behind it for equal, and the sign for Kelvin for the letter; a database, a
    /// broker and who issues tokens do not. A name in another form is refused and not brought into this one: whoever gave it
    /// to somebody may have given the other name to somebody else.
    package var isInNormalForm: Bool {
        isPlain || precomposedStringWithCanonicalMapping.utf8.elementsEqual(utf8)
    }

    /// Whether it is ASCII, which is in every normal form.
    private var isPlain: Bool { utf8.allSatisfy { $0 < 0x80 } }
}

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
