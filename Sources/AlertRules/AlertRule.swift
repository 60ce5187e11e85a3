package import Telemetry

/// When people are to be told of what devices measure, and whom.
package struct AlertRule: Sendable, Equatable {
    /// How much it matters.
    package enum Severity: String, Sendable, CaseIterable {
        case info, warning, critical
    }

    /// Who is told.
    package struct Recipients: Sendable, Equatable {
        package var users: [String]
        /// Rooms that remember, such as `chat/ops`.
        package var rooms: [String]

        package init(users: [String] = [], rooms: [String] = []) {
            self.users = users
            self.rooms = rooms
        }
    }

    /// ``minInterval`` unless something else is said, and unless people want to be told more often while an alert goes on.
    package static let defaultMinInterval = Duration.seconds(300)

    /// Unique among all rules; 1 to 64 letters, digits, `-`, `_` and `.`.
    package var name: String
    /// What people read; the name when there is none.
    package var title: String
    /// The metric that it looks at.
    package var metric: String
    /// The devices that it looks at: those that any of these fits.
    package var devices: [DevicePattern]
    package var condition: AlertCondition
    /// How long the condition must hold before it fires.
    package var holdFor: Duration
    /// How far back the value must be before the condition counts as over.
    package var hysteresis: Double
    /// How long the condition must be over before the alert is resolved.
    package var resolveAfter: Duration
    /// How often people are told again while it fires and nobody has acknowledged it; `nil`: once.
    package var repeatInterval: Duration?
    /// The minimum time between two notifications of this rule for one device; an alert that begins earlier is told
    /// later, if it still fires then.
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

    /// Whether the rule looks at that device.
    package func covers(_ device: DeviceID) -> Bool { devices.contains { $0.matches(device.rawValue) } }

    /// When people may be told of another alert of the same device; `nil` when at once.
    ///
    /// - Parameter told: When they were last told of one. An instant that is still to come is of a clock that was set
    ///   back since, and says nothing.
    package func pause(after told: Timestamp, at now: Timestamp) -> Timestamp? {
        let end = told.advanced(by: minInterval)
        return told <= now && now < end ? end : nil
    }

    /// Why an alert of this rule could never be over, because the value cannot get back so far; `nil` when it can.
    package var hysteresisProblem: String? {
        switch condition {
        case _ where hysteresis == 0, .above, .below: nil
        case .outside(let range) where hysteresis * 2 <= range.upperBound - range.lowerBound: nil
        case .outside: "It may be half of the range at most, or no value would be back inside."
        case .change(let amount, _, _) where hysteresis < amount: nil
        case .change: "It must be less than the change, or none would be small enough."
        case .noData: "Silence has no hysteresis."
        }
    }

    /// The condition in words: `above 30 for 10s`.
    package var conditionText: String {
        holdFor == .zero ? condition.description : "\(condition) for \(DurationText.format(holdFor))"
    }
}
