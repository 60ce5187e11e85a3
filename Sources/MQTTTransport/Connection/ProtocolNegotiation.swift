/// Which version of MQTT to speak next, when the broker may be too old for MQTT 5.
///
/// A broker refuses MQTT 5 by a reason code, which settles the matter, or it hangs up without a word, which may mean
/// anything: then 3.1.1 is tried once, and MQTT 5 again on the next connection. A broker that took MQTT 5 before is
/// not suspected: when it hangs up it is restarting, and a connection without MQTT 5 would lose the user properties.
///
///     preferring 5 ──refused──▶ settled on 3.1.1 ◀──refused── proven 5
///      │    ▲    │                                               ▲
///      │    │    └──────────────────connected────────────────────┘
///     hung up any failure
///      ▼    │
///     guessing 3.1.1
struct ProtocolNegotiation {
    /// The reason codes that mean "not this version": MQTT 5's (section 3.2.2.2) and 3.1.1's (section 3.2.2.3).
    private static let unsupportedVersionCodes: Set<Int> = [0x84, 1]

    enum Failure: Equatable {
        /// The broker answered CONNECT with a reason code.
        case refused(reasonCode: Int)
        /// The connection was closed after CONNECT without an answer that we understand.
        case hungUp
        /// Anything else: not reachable, no answer in time, or lost after it was up.
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
    /// What CONNECT carries: 5, or 4 for MQTT 3.1.1.
    private(set) var level: Int

    init(_ version: MQTTConfiguration.ProtocolVersion) {
        switch version {
        case .automatic: (state, level) = (.preferringV5, 5)
        case .v5: (state, level) = (.fixed, 5)
        case .v311: (state, level) = (.fixed, 4)
        }
    }

    /// Learns that the broker accepted ``level``.
    mutating func connected() {
        if case .preferringV5 = state { state = .provenV5 }
    }

    /// Learns from a failure; true when ``level`` changed and is worth an attempt without waiting.
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
