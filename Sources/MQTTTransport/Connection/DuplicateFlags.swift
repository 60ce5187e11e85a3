import Foundation

/// The DUP flags of messages (MQTT 5, section 3.3.1.1), from what libmosquitto logs of them.
///
/// `mosquitto_message` has no place for the flag. But right before the library calls back with a message, on the same
/// thread, it logs `Client ID received PUBLISH (d1, q1, r0, m8, 'TOPIC', ... (5 bytes))`, where `d` is the flag and `m`
/// the packet id. Versions 1 to 2.1 all word it so. That costs half a microsecond a message, so it is listened to only
/// after a connect that found the session, up to the first message without the flag: redeliveries come before all that
/// is new (section 4.6).
///
/// A message of which no line told, or a line with other words, ends it too: whoever needs the flag must do without.
///
/// A value without I/O: whoever owns it switches the library's callback.
struct DuplicateFlags {
    /// What a line tells of a message.
    private struct Line {
        var isDuplicate: Bool
        var packetID: UInt16
    }

    /// How lines of received messages begin, up to the flag.
    private let beginning: String
    /// Whether flags are still wanted.
    private(set) var isListening = false
    /// What was logged of the message that comes next.
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

    /// The library has logged that; lines of other packets come in between.
    mutating func logged(_ text: UnsafePointer<CChar>) {
        guard isListening, let line = read(text) else { return }
        self.line = line
    }

    /// The flag of the QoS 1 message that comes now; `nil` when it is not known.
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
        /// Takes the words and the number after them off the text.
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
