import Foundation

/// A reader of the DUP flags of messages (MQTT 5, section 3.3.1.1) from libmosquitto's log.
///
/// `mosquitto_message` does not contain the flag. But right before the message callback, and on the same thread,
/// libmosquitto logs `Client ID received PUBLISH (d1, q1, r0, m8, 'TOPIC', ... (5 bytes))`. Here `d` is the flag and
/// `m` the packet id. The wording is the same in versions 1 to 2.1.
///
/// Logging costs about half a microsecond per message. It is therefore enabled only after a connect that resumed a
/// session, and only up to the first message without the flag: redeliveries come before all new messages (section 4.6).
/// A missing or unrecognised log line also disables it. The flag of that message is then unknown.
///
/// A value type without I/O. Its owner installs and removes the log callback.
struct DuplicateFlags {
    /// The values parsed from a log line.
    private struct Line {
        var isDuplicate: Bool
        var packetID: UInt16
    }

    /// The start of the log line of a received message, up to the flag.
    private let beginning: String
    /// True while log lines are needed.
    private(set) var isListening = false
    /// The log line of the message that comes next.
    private var line: Line?

    init(clientID: String) {
        beginning = "Client \(clientID) received PUBLISH (d"
    }

    mutating func listen() {
        line = nil
        isListening = true
    }

    mutating func reset() {
        line = nil
        isListening = false
    }

    /// Parses a log line. Ignores lines about other packets.
    mutating func logged(_ text: UnsafePointer<CChar>) {
        guard isListening, let line = read(text) else { return }
        self.line = line
    }

    /// Returns the flag of the QoS 1 message that has just arrived, or `nil` if it is unknown.
    mutating func flag(of packetID: UInt16) -> Bool? {
        guard isListening else { return nil }
        guard let line, line.packetID == packetID else {
            reset()
            return nil
        }
        self.line = nil
        isListening = line.isDuplicate
        return line.isDuplicate
    }

    private func read(_ text: UnsafePointer<CChar>) -> Line? {
        var rest = text
        /// Consumes `words` and the number that follows them from `rest`. Returns the number, or `nil` if `rest`
        /// differs.
        func number(after words: String) -> Int? {
            let count = words.utf8.count
            guard strncmp(rest, words, count) == 0 else { return nil }
            rest += count
            var end: UnsafeMutablePointer<CChar>?
            let number = strtol(rest, &end, 10)
            guard let end, rest != end else { return nil }
            rest = UnsafePointer(end)
            return number
        }
        guard let flag = number(after: beginning), flag == 0 || flag == 1, number(after: ", q") == 1,
            number(after: ", r") != nil, let packetID = number(after: ", m").flatMap(UInt16.init(exactly:))
        else { return nil }
        return Line(isDuplicate: flag == 1, packetID: packetID)
    }
}
