/// The data stream's bounds.
package struct DataStreamConfiguration: Sendable {
    /// Devices whose latest readings are kept; beyond it the longest silent are forgotten.
    package var maxDevices: Int
    /// The first segments of the routes' room templates: what makes a room a telemetry room.
    package var telemetryRoots: Set<String>
    /// First levels of rooms that no leading wildcard reaches.
    package var protectedFirstLevels: [String]

    package init(
        maxDevices: Int = 10_000,
        telemetryRoots: Set<String> = ["sensors"],
        protectedFirstLevels: [String] = ["users"]
    ) {
        self.maxDevices = maxDevices
        self.telemetryRoots = telemetryRoots
        self.protectedFirstLevels = protectedFirstLevels
    }
}
