package import Core
package import Telemetry

/// A bounded register of the payload fields that became no metric, per device. It shows users what a mapping or a state
/// could still make use of.
///
/// It is kept in memory only. The devices are in two generations: when the newer one is full, it replaces the older one.
/// A device that still sends such fields moves to the newer generation. Thread-safe.
package final class IgnoredFields: Sendable {
    /// An ignored field of a device.
    package struct Field: Hashable, Sendable {
        /// At most ``IgnoredField/maximumNameByteCount`` bytes.
        package let name: String
        package let kind: IgnoredField.Kind
        /// The number of readings with the field.
        package fileprivate(set) var count: Int
    }

    /// The maximum number of fields of a device. Further ones are not recorded.
    package static let maximumFieldCount = 64

    private struct State {
        var newer: [DeviceKey: [Field]] = [:]
        var older: [DeviceKey: [Field]] = [:]
    }

    private let maximumDeviceCount: Int
    private let state = Lock(State())

    /// Creates an empty register of at least half of `maximumDeviceCount` devices: those that reported fields last.
    package init(maximumDeviceCount: Int = 4000) {
        self.maximumDeviceCount = max(2, maximumDeviceCount)
    }

    /// Records the ignored fields of a reading.
    func record(_ report: IgnoredFieldReport) {
        let key = DeviceKey(room: report.room, device: report.device.rawValue)
        state.withLock { state in
            var fields = state.newer.removeValue(forKey: key) ?? state.older.removeValue(forKey: key) ?? []
            for field in report.fields {
                if let index = fields.firstIndex(where: { $0.kind == field.kind && $0.name == field.name }) {
                    fields[index].count += 1
                } else if fields.count < Self.maximumFieldCount {
                    fields.append(Field(name: field.name, kind: field.kind, count: 1))
                }
            }
            if state.newer.count >= maximumDeviceCount / 2 {
                state.older = state.newer
                state.newer = [:]
            }
            state.newer[key] = fields
        }
    }

    /// Forgets all fields, because other routes may take them.
    func removeAll() { state.withLock { $0 = State() } }

    /// Returns the ignored fields of a device in the order of their first occurrence; empty if there are none.
    package func fields(of device: DeviceKey) -> [Field] {
        state.withLock { $0.newer[device] ?? $0.older[device] ?? [] }
    }
}
