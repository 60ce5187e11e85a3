/// The data stream's bounds.
package struct DataStreamConfiguration: Sendable {
    /// Devices whose latest readings are kept; beyond it the longest silent are forgotten.
    package var maxDevices: Int
    /// About what these readings may take in memory; beyond it the devices that hold most lose their oldest.
    package var maxLatestBytes: Int
    /// The first segments of the routes' room templates: what makes a room a telemetry room.
    package var telemetryRoots: Set<String>
    /// First levels of rooms that no leading wildcard reaches.
    package var protectedFirstLevels: [String]
    /// How long a device may be silent before it counts as offline; `nil`: for ever. At least a second. One that is
    /// seen to speak more rarely is given three of its median intervals.
    package var offlineAfter: Duration?

    package init(
        maxDevices: Int = 10_000,
        maxLatestBytes: Int = 128 << 20,
        telemetryRoots: Set<String> = ["sensors"],
        protectedFirstLevels: [String] = ["users"],
        offlineAfter: Duration? = .seconds(300)
    ) {
        self.maxDevices = maxDevices
        self.maxLatestBytes = maxLatestBytes
        self.telemetryRoots = telemetryRoots
        self.protectedFirstLevels = protectedFirstLevels
        self.offlineAfter = offlineAfter
    }
}
