/// The topic that says whether a device is there: a birth message after each connect, and its contrary as a farewell
/// and as the last will, which the broker publishes when the connection is lost.
///
/// Each device has a connection of its own, so that each has a last will of its own: a simulator that is killed leaves
/// every device offline.
package struct DeviceStatus: Sendable, Hashable {
    package var topic: TopicTemplate
    package var online = "online"
    package var offline = "offline"
    /// Whether the broker keeps the latest status for those who subscribe later.
    package var retain = true
}
