/// One thing that is wrong with a device file.
package struct ProfileProblem: Hashable, Sendable, CustomStringConvertible {
    /// The file as it was named: the device file, or the CSV that it replays.
    package var path: String
    /// Counted from 1; `nil` when it is about the file as a whole.
    package var line: Int?
    /// The key with those above it, such as `metrics.temperature.decimals`, or a CSV's column.
    package var key: String?
    /// What is wrong, and what is allowed.
    package var message: String

    /// `devices/fleet.yaml:12: metrics.temperature.decimals: …`
    package var description: String {
        let place = path + (line.map { ":\($0)" } ?? "")
        return ([place] + (key.map { [$0] } ?? []) + [message]).joined(separator: ": ")
    }
}
