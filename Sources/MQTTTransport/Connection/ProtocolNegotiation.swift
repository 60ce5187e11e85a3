/// A state machine that chooses the MQTT version for the next attempt, with a fallback for brokers that do not support
/// MQTT 5.
///
/// A broker refuses MQTT 5 either with a reason code, which is conclusive, or by hanging up, which is not. After a
/// hang-up, 3.1.1 is tried once, and the next connection uses MQTT 5 again. A broker that has accepted MQTT 5 before is
/// never downgraded for hanging up: it is probably restarting, and a 3.1.1 connection would lose the user properties.
///
///     preferring 5 ──refused──▶ settled on 3.1.1 ◀──refused── proven 5
///      │    ▲    │                                               ▲
///      │    │    └──────────────────connected────────────────────┘
///     hung up any failure
///      ▼    │
///     guessing 3.1.1
struct ProtocolNegotiation {
    /// The reason codes for an unsupported version in MQTT 5 (section 3.2.2.2) and 3.1.1 (section 3.2.2.3).
    private static let unsupportedVersionCodes: Set<Int> = [0x84, 1]

    enum Failure: Equatable {
        /// The broker answered CONNECT with a reason code.
        case refused(reasonCode: Int)
        /// The connection was closed after CONNECT without a valid answer.
        case hungUp
        /// Any other failure: unreachable, timed out, or lost after it was established.
        case other
    }

    private enum State {
        case fixed
        case preferringV5
        case provenV5
        case guessingV311
        case settledOnV311
    }

    private var state: State
    /// The protocol level to send in CONNECT: 5, or 4 for MQTT 3.1.1.
    private(set) var level: Int

    init(_ version: MQTTConfiguration.ProtocolVersion) {
        switch version {
        case .automatic: (state, level) = (.preferringV5, 5)
        case .v5: (state, level) = (.fixed, 5)
        case .v311: (state, level) = (.fixed, 4)
        }
    }

    /// Records that the broker accepted ``level``.
    mutating func connected() {
        if case .preferringV5 = state { state = .provenV5 }
    }

    /// Records a failure. Returns true if ``level`` changed and a retry should follow immediately.
    mutating func failed(_ failure: Failure) -> Bool {
        switch (state, failure) {
        case (.preferringV5, .refused(let code)), (.provenV5, .refused(let code)):
            guard Self.unsupportedVersionCodes.contains(code) else { return false }
            (state, level) = (.settledOnV311, 4)
            return true
        case (.preferringV5, .hungUp):
            (state, level) = (.guessingV311, 4)
            return true
        case (.guessingV311, _):
            (state, level) = (.preferringV5, 5)
            return false
        case (.fixed, _), (.preferringV5, _), (.provenV5, _), (.settledOnV311, _):
            return false
        }
    }
}
