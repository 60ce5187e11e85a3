/// A step in an alert's life.
package struct AlertTransition: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The condition has begun to hold.
        case pending
        case firing
        /// It still fires, and it is time to say so again.
        case repeated
        case resolved
        /// It was pending and never fired: nobody was told, and nothing is kept of it.
        case cancelled
    }

    package var kind: Kind
    /// As it is after the step.
    package var alert: Alert
    /// The place of its rule among the evaluator's; `nil` when the rule is gone.
    package var ruleIndex: Int?

    package init(kind: Kind, alert: Alert, ruleIndex: Int? = nil) {
        self.kind = kind
        self.alert = alert
        self.ruleIndex = ruleIndex
    }
}
