/// Builds one compact JSON object member by member: for small answers whose shape is known.
///
///     var payload = JSONObjectBuilder()
///     payload.add("room_id", room)
///     payload.add("dropped", 12)
///     payload.finished()  // {"room_id":"sensors/a","dropped":12}
package struct JSONObjectBuilder {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]

    package init() {}

    /// Adds a string member.
    package mutating func add(_ name: StaticString, _ value: some StringProtocol) {
        addName(name)
        JSONWriter.append(value, to: &bytes)
    }

    /// Adds an integer member.
    package mutating func add(_ name: StaticString, _ value: Int) {
        addName(name)
        JSONWriter.append(Int64(value), to: &bytes)
    }

    /// Adds a number member in its shortest form.
    package mutating func add(_ name: StaticString, _ value: Double) {
        addName(name)
        JSONWriter.append(value, to: &bytes)
    }

    /// Adds `true` or `false`.
    package mutating func add(_ name: StaticString, _ value: Bool) {
        addName(name)
        if value {
            JSONWriter.append(raw: "true", to: &bytes)
        } else {
            JSONWriter.append(raw: "false", to: &bytes)
        }
    }

    /// Adds an object that another builder has finished.
    package mutating func add(_ name: StaticString, object: [UInt8]) {
        addName(name)
        bytes += object
    }

    /// Adds an instant as RFC 3339 has it.
    package mutating func add(_ name: StaticString, time: Timestamp) {
        addName(name)
        JSONWriter.appendRFC3339(time, to: &bytes)
    }

    /// Adds an array of strings.
    package mutating func add(_ name: StaticString, array: some Sequence<String>) {
        addName(name)
        bytes.append(UInt8(ascii: "["))
        for (index, value) in array.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Adds an array of objects that other builders have finished.
    package mutating func add(_ name: StaticString, objects: some Sequence<[UInt8]>) {
        addName(name)
        bytes.append(UInt8(ascii: "["))
        for (index, object) in objects.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += object
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// The object with its closing brace.
    package consuming func finished() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func addName(_ name: StaticString) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        JSONWriter.append(raw: name, to: &bytes)
        JSONWriter.append(raw: "\":", to: &bytes)
    }
}
