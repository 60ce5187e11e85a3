/// When a device loses its connection and when it finds it again.
struct ConnectionSchedule: Sendable {
    private let windows: Windows?
    private var number: Int64 = 0
    private(set) var isOffline = false

    /// The schedule of the device with that seed; without windows it is never offline.
    init(_ offline: DeviceProfile.OfflineWindows?, deviceSeed: UInt64) {
        guard let offline else {
            windows = nil
            return
        }
        var random = SeededGenerator(seed: deviceSeed, for: "offline")
        windows = random.nextUnit() < offline.share ? offline.windows.seeded(deviceSeed) : nil
    }

    /// When the connection changes next.
    var next: Duration? {
        guard let window = windows?.window(number) else { return nil }
        return isOffline ? window.upperBound : window.lowerBound
    }

    /// Goes through the next change.
    mutating func advance() -> VirtualDevice.ConnectionChange {
        if isOffline { number += 1 }
        isOffline.toggle()
        return isOffline ? .lost : .restored
    }
}
