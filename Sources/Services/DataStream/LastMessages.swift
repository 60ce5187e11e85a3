package import Core
package import MQTTTransport
import Telemetry

/// The last raw message of each device in each room. It shows why a device's readings look as they do.
///
/// Bounded in bytes: the messages of the devices that were silent longest are evicted. Kept in memory only.
/// Thread-safe.
package final class LastMessages: Sendable {
    /// A message from which readings of a device were decoded.
    package struct Message: Sendable {
        package let topic: String
        /// The beginning of the payload.
        package let payload: [UInt8]
        /// The full length of the payload.
        package let payloadByteCount: Int
        package let receivedAt: Timestamp
        package let isRetained: Bool
    }

    /// The most bytes of one payload to keep.
    package static let maxPayloadBytes = 4096
    /// The estimated memory use of an entry without its texts.
    private static let fixedByteCount = 256

    private struct State {
        var slots: [DeviceKey: Int] = [:]
        var entries: [(key: DeviceKey, message: Message)?] = []
        var free: [Int] = []
        var order = EvictionOrder()
    }

    private let maxBytes: Int
    private let state = Lock(State())

    /// Creates an empty register of about `maxBytes`.
    package init(maxBytes: Int = 16 << 20) {
        self.maxBytes = maxBytes
    }

    /// Returns the last message of a device; `nil` when none is known.
    package func message(of key: DeviceKey) -> Message? {
        state.withLock { state in state.slots[key].flatMap { state.entries[$0]?.message } }
    }

    /// Approximate memory use in bytes.
    var byteCount: Int { state.withLock { $0.order.byteCount } }

    /// Records messages as the last ones of the devices in their readings.
    func record(_ items: ArraySlice<IngestItem>) {
        state.withLock { state in
            for item in items {
                guard case .readings(let readings) = item.content, let first = readings.first else { continue }
                let payload = item.message.payload
                let message = Message(
                    topic: item.message.topic,
                    payload: payload.count <= Self.maxPayloadBytes
                        ? payload : Array(payload.prefix(Self.maxPayloadBytes)),
                    payloadByteCount: payload.count, receivedAt: first.reading.receivedAt,
                    isRetained: item.message.isRetained)
                var last: DeviceKey?
                for ingested in readings {
                    let key = DeviceKey(room: ingested.reading.room, device: ingested.reading.device.rawValue)
                    if key == last { continue }
                    last = key
                    set(message, of: key, in: &state)
                }
            }
        }
    }

    private func set(_ message: Message, of key: DeviceKey, in state: inout State) {
        let byteCount =
            Self.fixedByteCount + message.payload.count + message.topic.utf8.count
            + 2 * (key.room.utf8.count + key.device.utf8.count)
        if let slot = state.slots[key] {
            state.entries[slot] = (key, message)
            state.order.touch(slot, byteCount: byteCount)
        } else {
            let slot = state.free.popLast() ?? state.entries.count
            if slot == state.entries.count { state.entries.append(nil) }
            state.entries[slot] = (key, message)
            state.slots[key] = slot
            state.order.add(slot, byteCount: byteCount)
        }
        while state.order.byteCount > maxBytes, let oldest = state.order.longestSilent {
            if let evicted = state.entries[oldest] { state.slots[evicted.key] = nil }
            state.entries[oldest] = nil
            state.free.append(oldest)
            state.order.remove(oldest)
        }
    }
}
