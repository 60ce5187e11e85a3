import Telemetry

/// Writes readings, and what is said in rooms, as lines: for people, or one JSON object each for pipes.
struct ReadingPrinter {
    /// Whether to print the payload as it came.
    let json: Bool

    /// Prints a `data_update`'s payload.
    func print(_ payload: JSONValue) {
        if json {
            var bytes: [UInt8] = []
            payload.append(to: &bytes)
            return Console.print(String(decoding: bytes, as: UTF8.self))
        }
        Console.print(line(of: payload))
    }

    /// `2026-01-31T12:00:00.000Z  sensors/greenhouse-1  temperature=21.5°C humidity=60%`
    func line(of payload: JSONValue) -> String {
        let data = payload["data"]
        let time = data?["timestamp"]?.numberValue.flatMap(Timestamp.init(secondsSinceEpoch:))
        let values = (data?.objectValue ?? []).filter { $0.name != "timestamp" }.map { member in
            let unit = payload["units"]?[member.name]?.stringValue ?? ""
            return "\(Self.printable(member.name))=\(Self.text(of: member.value))\(Self.printable(unit))"
        }
        var notes: [String] = []
        if payload["snapshot"]?.boolValue == true { notes.append("latest") }
        if payload["retained"]?.boolValue == true { notes.append("retained") }
        let note = notes.isEmpty ? "" : "  (\(notes.joined(separator: ", ")))"
        let room = Self.printable(payload["room_id"]?.stringValue ?? "?")
        return "\(time?.rfc3339 ?? "-")  \(room)  \(values.joined(separator: " "))\(note)"
    }

    /// Prints a `chat_message`'s payload: `2026-01-31T12:00:00.000Z  chat/lobby  ann: hello`.
    func printChat(_ payload: JSONValue, at timestamp: String?) {
        if json { return print(payload) }
        let parts = ["room_id", "user_id", "content"].map { Self.printable(payload[$0]?.stringValue ?? "?") }
        Console.print("\(Self.printable(timestamp ?? "-"))  \(parts[0])  \(parts[1]): \(parts[2])")
    }

    /// Prints that a device came or went; for people only, because pipes ask for readings.
    func printStatus(_ payload: JSONValue) {
        if json { return }
        let parts = ["since", "room_id", "status", "reason"].map { Self.printable(payload[$0]?.stringValue ?? "?") }
        Console.print("\(parts[0])  \(parts[1])  is \(parts[2]) (\(parts[3]))")
    }

    /// Prints an alert's step: `2026-01-31T12:00:00.000Z  sensors/greenhouse-1  critical alert firing: …`; for people
    /// only.
    func printAlert(_ payload: JSONValue, at timestamp: String?) {
        if json { return }
        let alert = payload["alert"]
        let parts = ["severity", "state", "message"].map { Self.printable(alert?[$0]?.stringValue ?? "?") }
        let room = Self.printable(payload["room_id"]?.stringValue ?? "?")
        Console.print(
            "\(Self.printable(timestamp ?? "-"))  \(room)  \(parts[0]) alert \(parts[1]): \(parts[2])")
    }

    private static func text(of value: JSONValue) -> String {
        var bytes: [UInt8] = []
        value.append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names come from devices: nothing of them may steer the terminal.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { !$0.properties.isControl }))
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control || generalCategory == .format }
}
