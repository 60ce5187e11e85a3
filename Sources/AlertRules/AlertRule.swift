package import Core
package import Telemetry

/// A rule that defines when an alert is raised for a metric, and which users and rooms are notified.
package struct AlertRule: Sendable, Equatable {
    /// The severity of a rule's alerts.
    package enum Severity: String, Sendable, CaseIterable {
        case info, warning, critical
    }

    /// The users and rooms that receive notifications.
    package struct Recipients: Sendable, Equatable {
        package var users: [UserID]
        /// Rooms with a history, such as `chat/ops`.
        package var rooms: [String]

        package init(users: [UserID] = [], rooms: [String] = []) {
            self.users = users
            self.rooms = rooms
        }
    }

    /// The default ``minInterval``. A shorter ``repeatInterval`` lowers it.
    package static let defaultMinInterval = Duration.seconds(300)

    /// The name, unique among all rules: 1 to 64 letters, digits, `-`, `_` and `.`.
    package var name: String
    /// The title shown to users. Defaults to the name.
    package var title: String
    /// The metric that the rule watches.
    package var metric: String
    /// The devices that the rule watches: those that match any of these patterns.
    package var devices: [DevicePattern]
    package var condition: AlertCondition
    /// The duration for which the condition must hold before the alert fires.
    package var holdFor: Duration
    /// The distance that a value must return past the limit before the condition counts as over.
    package var hysteresis: Double
    /// The duration for which the condition must be over before the alert is resolved.
    package var resolveAfter: Duration
    /// The interval between notifications while the alert fires unacknowledged; `nil` for a single notification.
    package var repeatInterval: Duration?
    /// The minimum time between two notifications of this rule for one device. If an alert fires earlier, its
    /// notification is delayed and sent only if the alert still fires.
    package var minInterval: Duration
    package var severity: Severity
    package var recipients: Recipients
    package var template: AlertTemplate

    package init(
        name: String, title: String? = nil, metric: String, devices: [DevicePattern] = [.any],
        condition: AlertCondition, holdFor: Duration = .zero, hysteresis: Double = 0, resolveAfter: Duration = .zero,
        repeatInterval: Duration? = nil, minInterval: Duration? = nil, severity: Severity = .warning,
        recipients: Recipients = Recipients(),
        template: AlertTemplate = .standard
    ) {
        self.name = name
        self.title = title ?? name
        self.metric = metric
        self.devices = devices
        self.condition = condition
        self.holdFor = holdFor
        self.hysteresis = hysteresis
        self.resolveAfter = resolveAfter
        self.repeatInterval = repeatInterval
        self.minInterval = minInterval ?? min(Self.defaultMinInterval, repeatInterval ?? Self.defaultMinInterval)
        self.severity = severity
        self.recipients = recipients
        self.template = template
    }

    /// Returns true if the rule watches the device.
    package func covers(_ device: DeviceID) -> Bool { devices.contains { $0.matches(device.rawValue) } }

    /// Returns the earliest time of the next notification for the same device; `nil` if it may be sent at once.
    ///
    /// - Parameter notifiedAt: The time of the last notification. A time in the future was taken before the clock was
    ///   set back, so it is ignored.
    package func pause(after notifiedAt: Timestamp, at now: Timestamp) -> Timestamp? {
        let end = notifiedAt.advanced(by: minInterval)
        return notifiedAt <= now && now < end ? end : nil
    }

    /// The reason why ``hysteresis`` is invalid for the condition, for example because no value could ever resolve an
    /// alert; `nil` if it is valid.
    package var hysteresisProblem: String? {
        switch condition {
        case _ where hysteresis == 0, .above, .below: nil
        case .outside(let range) where hysteresis * 2 <= range.upperBound - range.lowerBound: nil
        case .outside: "must be at most half of the range, or no value could resolve the alert"
        case .change(let amount, _, _) where hysteresis < amount: nil
        case .change: "must be less than the change, or no value could resolve the alert"
        case .noData: "not allowed with no_data"
        }
    }

    /// The condition and its hold time in words: `above 30 for 10s`.
    package var conditionText: String {
        holdFor == .zero ? condition.description : "\(condition) for \(DurationText.format(holdFor))"
    }

    /// Returns the notification text for an alert of this rule.
    package func text(for alert: Alert) -> String {
        template.text { placeholder in
            switch placeholder {
            case .device: alert.device.rawValue
            case .room: alert.room
            case .metric: alert.metric
            case .value: alert.value.map(AlertCondition.text) ?? "missing"
            case .unit: alert.value == nil ? "" : alert.unit ?? ""
            case .rule: name
            case .title: title
            case .condition: conditionText
            case .severity: severity.rawValue
            }
        }
    }
}

/// A fixed limit of an alert rule, which charts of the metric draw as a line. It does not name the rule, whose name and
/// title are for the recipients of its alerts.
package struct AlertLimit: Sendable, Equatable {
    /// The side on which values break a limit.
    package enum Side: Sendable {
        case above, below
    }

    package var side: Side
    package var value: Double
    package var severity: AlertRule.Severity
}

extension AlertRule {
    /// The limits of the condition. Changes and missing data have none.
    package var limits: [AlertLimit] {
        func limit(_ side: AlertLimit.Side, _ value: Double) -> AlertLimit {
            AlertLimit(side: side, value: value, severity: severity)
        }
        return switch condition {
        case .above(let value): [limit(.above, value)]
        case .below(let value): [limit(.below, value)]
        case .outside(let range): [limit(.below, range.lowerBound), limit(.above, range.upperBound)]
        case .change, .noData: []
        }
    }
}

/// A pattern for device names in which `*` matches any number of characters, including none: `greenhouse-*`.
package struct DevicePattern: Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// The UTF-8 bytes between the asterisks.
    private let parts: [[UInt8]]

    /// A pattern that matches every device.
    package static let any = DevicePattern("*")

    package init(_ text: String) {
        description = text
        parts = text.split(separator: "*", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }

    /// Returns true if the whole name matches.
    package func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        guard let first = parts.first, let last = parts.last else { return name.isEmpty }
        if parts.count == 1 { return name == first }
        guard name.count >= first.count + last.count, name.starts(with: first), name.suffix(last.count) == last[...]
        else { return false }
        // Greedy matching: each middle part is taken at its earliest position, which leaves the most bytes for the
        // rest.
        var rest = name[first.count..<name.count - last.count]
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let start = Self.firstIndex(of: part, in: rest) else { return false }
            rest = rest[(start + part.count)...]
        }
        return true
    }

    private static func firstIndex(of part: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= part.count else { return nil }
        return (bytes.startIndex...bytes.endIndex - part.count).first { bytes[$0..<$0 + part.count] == part[...] }
    }
}
