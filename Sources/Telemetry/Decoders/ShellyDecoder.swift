import Core

/// A decoder of Shelly's messages: one topic per value in the first generation, JSON objects since the second one.
///
///     shellies/{device}/relay/0/power         23.5                                     relay.0.power in W
///     shellies/{device}/sensor/temperature    21.5                                     temperature in °C
///     {prefix}/status/switch:0                {"id":0,"output":true,"apower":8.9,…}    switch:0.output, switch:0.apower
///     {prefix}/events/rpc                     {"src":…,"method":"NotifyStatus","params":{"ts":…,"switch:0":{…}}}
///
/// *Names.* The levels of the topic and the members of objects are joined with `.`, without a leading `sensor` and a
/// final `status`. Switches, inputs and alarms become 1 and 0, a door's `open` and `close` too. Names are always whole,
/// because a notification contains only what has changed.
///
/// *Units* are those of Shelly's documentation. Energy is in watt-minutes (`W·min`) for relays and meters of the first
/// generation, and in Wh otherwise. A device that is set to °F also sends first-generation temperatures in °F without
/// saying so. Temperatures of later generations have both scales; the metric is the one in °C.
///
/// *What is no reading.* Commands, events (`NotifyEvent`) and the status of connections are skipped, except
/// `sys.uptime` and `wifi.rssi`. Texts are ignored, except for states that the route knows. A message of nothing else
/// carries no reading. Nor does a message to `{prefix}/status/…` that is not the status of a component, because the
/// topic's form is not Shelly's alone.
///
/// Source: Shelly's "Gen1 Device API" (MQTT of each device) and "Gen2+ Device API" (Notifications, Mqtt, components).
package struct ShellyDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .shelly }

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try context.limits.check(byteCount: payload.count)
        let levels = context.topic.split(separator: "/", omittingEmptySubsequences: false)
        switch Self.form(ofTopic: levels) {
        case .status(let component):
            guard Self.isComponent(component), Self.isObject(payload) else {
                throw .notAReading(topic: context.topic)
            }
            let value = try Self.parse(payload, context: context)
            let device = try context.device(orNamed: levels.dropLast(2).last.map(String.init))
            return [try status(value, of: String(component), from: device, context: context)]
        case .value(let path):
            if path.isEmpty { throw .notAReading(topic: context.topic) }
            let device = try context.device(orNamed: String(levels[1]))
            return [try reading(of: payload, path: path, from: device, context: context)]
        case .notification, nil:
            return try decode(try Self.parse(payload, context: context), context: context)
        }
    }

    /// Decodes a notification.
    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard let method = value["method"]?.stringValue else {
            throw .wrongType(
                what: "the payload", expected: "a notification with the member 'method'", found: value.kind)
        }
        guard Self.isNotification(method), case .object(let members)? = value["params"] else {
            throw .notAReading(topic: context.topic)
        }
        var collector = MetricCollector(context: context, expecting: members.count)
        var time: Timestamp?
        for member in members {
            switch member.value {
            case .object(let values) where Self.isComponent(member.name):
                try Self.add(values, of: member.name, to: &collector)
            case let value where ExactString(member.name) == "ts": time = try DeviceTime.timestamp(from: value)
            default: continue
            }
        }
        if collector.isEmpty { throw collector.hasDropped ? .dropped : .notAReading(topic: context.topic) }
        let device = try context.device(orNamed: value["src"]?.stringValue)
        return [
            DecodedReading(device: device, metrics: collector.metrics, deviceTime: time, ignored: collector.ignored)
        ]
    }

    // MARK: Topics

    private enum Form {
        /// The status of a component (second generation and later).
        case status(Substring)
        /// An RPC notification (second generation and later).
        case notification
        /// A value under `shellies/{device}` (first generation); empty for topics of no device.
        case value(ArraySlice<Substring>)
    }

    /// Returns true if the topic can only be Shelly's.
    static func isShelly(topic levels: [Substring]) -> Bool {
        switch form(ofTopic: levels) {
        case .value, .notification: true
        case .status(let component): component.utf8.contains(UInt8(ascii: ":")) && isComponent(component)
        case nil: false
        }
    }

    private static func form(ofTopic levels: [Substring]) -> Form? {
        let isFirstGeneration = levels.first.map(ExactString.init) == "shellies"
        guard levels.count >= 3 else { return isFirstGeneration ? .value([]) : nil }
        switch (ExactString(levels[levels.count - 2]), ExactString(levels[levels.count - 1])) {
        case ("status", _): return .status(levels[levels.count - 1])
        case ("events", "rpc"): return .notification
        default: return isFirstGeneration ? .value(levels[2...]) : nil
        }
    }

    /// Returns true for the name of a component that measures something: `switch:0`, `sys` and `wifi`.
    private static func isComponent(_ name: some StringProtocol) -> Bool {
        guard name.utf8.count <= Metric.maximumNameByteCount else { return false }
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            return ["sys", "wifi"].contains(ExactString(name))
        }
        let number = name.utf8[colon...].dropFirst()
        return colon > name.utf8.startIndex && !number.isEmpty
            && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func isObject(_ payload: [UInt8]) -> Bool {
        payload.first { $0 > UInt8(ascii: " ") } == UInt8(ascii: "{")
    }

    // MARK: First generation

    private func reading(
        of payload: [UInt8], path: ArraySlice<Substring>, from device: DeviceID, context: DecodingContext
    ) throws(DecodeError) -> DecodedReading {
        guard let last = path.last, !Self.isService(last) else { throw .notAReading(topic: context.topic) }
        var collector = MetricCollector(context: context, expecting: 1)
        let name = context.metric ?? Self.name(ofPath: path)
        if Self.isObject(payload) {
            try collector.add(name, json: try Self.parse(payload, context: context))
        } else {
            try Self.add(payload, as: name, path: path, to: &collector)
        }
        if collector.isEmpty { throw collector.hasDropped ? .dropped : .notAReading(topic: context.topic) }
        return DecodedReading(device: device, metrics: collector.metrics, ignored: collector.ignored)
    }

    private static func name(ofPath path: ArraySlice<Substring>) -> String {
        var path = path
        if path.count > 1, path.first.map(ExactString.init) == "sensor" { path.removeFirst() }
        if path.count > 1, path.last.map(ExactString.init) == "status" { path.removeLast() }
        return path.joined(separator: ".")
    }

    /// Adds a number or a state. Other texts are ignored.
    private static func add(
        _ payload: [UInt8], as name: String, path: ArraySlice<Substring>, to collector: inout MetricCollector
    ) throws(DecodeError) {
        do throws(DecodeError) {
            let text = try BareValueDecoder.text(of: payload)
            if try collector.addState(text, to: name) { return }
            try collector.add(name, try value(of: text, path: path), unit: ShellyUnits.unit(ofTopicPath: path))
        } catch {
            guard case .noNumber = error else { throw error }
            collector.ignore(name, .string)
        }
    }

    /// Returns the value of a number, a word or the state of a door.
    private static func value(of text: String, path: ArraySlice<Substring>) throws(DecodeError) -> Double {
        switch ExactString(text) {
        case "open" where isDoorState(path): 1
        case "close" where isDoorState(path): 0
        default: try BareValueDecoder.value(of: text)
        }
    }

    private static func isDoorState(_ path: ArraySlice<Substring>) -> Bool {
        path.map(ExactString.init) == ["sensor", "state"]
    }

    /// Returns true for the last levels of topics that describe or command the device.
    private static func isService(_ level: Substring) -> Bool {
        ["announce", "command", "info", "online", "rpc", "set"].contains(ExactString(level))
    }

    // MARK: Second generation and later

    private func status(
        _ value: JSONValue, of component: String, from device: DeviceID, context: DecodingContext
    ) throws(DecodeError) -> DecodedReading {
        guard case .object(let members) = value else { throw .notAReading(topic: context.topic) }
        var collector = MetricCollector(context: context, expecting: members.count)
        // The status of a numbered component repeats the number; messages of other systems do not.
        if value["id"]?.integerValue != nil || ExactString(component) == "sys" || ExactString(component) == "wifi" {
            try Self.add(members, of: component, to: &collector)
        }
        if collector.isEmpty { throw collector.hasDropped ? .dropped : .notAReading(topic: context.topic) }
        return DecodedReading(device: device, metrics: collector.metrics, ignored: collector.ignored)
    }

    /// Returns true if an object is a notification of a status.
    static func isNotification(_ value: JSONValue) -> Bool {
        guard let method = value["method"]?.stringValue, case .object? = value["params"] else { return false }
        return isNotification(method)
    }

    private static func isNotification(_ method: String) -> Bool {
        ["NotifyStatus", "NotifyFullStatus"].contains(ExactString(method))
    }

    private static func add(
        _ members: [JSONMember], of component: String, to collector: inout MetricCollector
    ) throws(DecodeError) {
        for member in members {
            switch (ExactString(component), ExactString(member.name)) {
            case ("sys", "uptime"), ("wifi", "rssi"):
                try add(member, below: component, to: &collector)
            case ("sys", _), ("wifi", _): continue
            default: try add(member, below: component, to: &collector)
            }
        }
    }

    /// Adds the numbers and states of a member and of the objects inside it.
    private static func add(
        _ member: JSONMember, below path: String, to collector: inout MetricCollector
    ) throws(DecodeError) {
        if ShellyUnits.isNoQuantity(member.name) { return }
        switch member.value {
        case .number(let number):
            try collector.add(
                "\(path).\(member.name)", number, unit: ShellyUnits.unit(ofMember: member.name, below: path))
        case .bool(let bool): try collector.add("\(path).\(member.name)", bool ? 1 : 0)
        case .object(let members):
            let path = "\(path).\(member.name)"
            // Checked early, so that the members of the object do not each copy an oversized name.
            guard path.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(path) }
            for member in members { try add(member, below: path, to: &collector) }
        case .string(let text): try collector.add("\(path).\(member.name)", text: text)
        case .array: collector.ignore("\(path).\(member.name)", .array)
        case .null: return
        }
    }
}

/// The units of Shelly's quantities.
enum ShellyUnits {
    /// Returns the unit of a first-generation topic below the device, such as `relay/0/power`. The quantity is the last
    /// level that is not a channel's number.
    static func unit(ofTopicPath path: ArraySlice<Substring>) -> String? {
        switch path.last(where: { Int($0) == nil }).map(ExactString.init) {
        case "power": "W"
        case "reactive_power": "var"
        case "energy", "returned_energy": "W·min"
        case "total", "total_returned": "Wh"
        case "voltage", "adc": "V"
        case "current": "A"
        case "temperature", "ext_temperature": Temperature.celsiusUnit
        case "temperature_f", "ext_temperature_f": Temperature.fahrenheitUnit
        case "humidity", "ext_humidity", "battery", "pos": "%"
        case "lux": "lx"
        case "concentration": "ppm"
        case "tilt": "°"
        default: nil
        }
    }

    /// Returns the unit of a member of a component's status. The values of phases begin with the phase (`a_voltage`).
    static func unit(ofMember name: String, below path: String) -> String? {
        let isOfPhase = ["a_", "b_", "c_", "n_"].contains { name.utf8.starts(with: $0.utf8) }
        switch ExactString(isOfPhase ? Substring(name.utf8.dropFirst(2)) : name[...]) {
        case "apower", "act_power", "total_act_power": return "W"
        case "aprt_power", "total_aprt_power": return "VA"
        case "voltage", "V": return "V"
        case "current", "total_current": return "A"
        case "freq": return "Hz"
        case "tC", "current_C", "target_C": return Temperature.celsiusUnit
        case "rh", "percent", "current_pos", "target_pos", "brightness": return "%"
        case "lux": return "lx"
        case "total_act_energy", "total_act_ret_energy", "total_act", "total_act_ret": return "Wh"
        // Inputs have a total of pulses.
        case "total": return path.utf8.suffix(7).elementsEqual("aenergy".utf8) ? "Wh" : nil
        case "rssi": return "dBm"
        case "uptime": return "s"
        default: return nil
        }
    }

    /// Returns true for members that identify, date or repeat something.
    static func isNoQuantity(_ name: String) -> Bool {
        switch ExactString(name) {
        case "id", "tF", "current_F", "target_F", "ts", "minute_ts", "last_updated_ts", "timer_started_at",
            "move_started_at":
            true
        default: false
        }
    }
}
