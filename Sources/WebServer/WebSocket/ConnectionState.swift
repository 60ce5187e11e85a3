import Realtime

/// The life of one WebSocket connection. A value type without I/O: each transition is one function, and the caller
/// performs the action that it returns.
///
///     open ─┬─▶ finishing ─┬─▶ draining ─┬─▶ closing ──▶ closed
///           └──────────────┴─────────────┘
///
///                              in open        in finishing   in draining    in closing
///     peer ends its input      finishing *    – *            closing        closing
///     commands done or timeout                closing        closing        closing
///     shutdown                 draining       draining       –              –
///     we close                 closing        closing        closing        –
///     channel inactive         closed         closed         closed         closed
///
///     * closing, if no command is left
enum ConnectionState: Equatable {
    /// Commands and messages flow.
    case open
    /// The peer has ended its input. Its pending commands still run, for at most the close timeout.
    case finishing(PeerEnd)
    /// The gateway is shutting down: queued messages are sent, then the close frame. No more commands start.
    case draining(PeerEnd?)
    /// Nothing more is written: our close frame has been sent, or the peer is gone. Waits for the peer, or for the
    /// timeout.
    case closing(EndReason, PeerInput)
    case closed

    /// The way in which the peer ended its input.
    enum PeerEnd: Equatable {
        case closeFrame(code: UInt16)
        /// The peer closed its half of the connection without a close frame.
        case halfClosed
    }

    /// The treatment of the peer's input after our close frame.
    enum PeerInput: Equatable {
        /// Input is decoded, because the peer's close frame is awaited.
        case awaited
        /// Input is dropped, because the peer has violated the protocol or a rate limit.
        case ignored
        case ended(PeerEnd)
    }

    /// The reason that a connection ended.
    enum EndReason: Equatable {
        case byClient
        /// The connection ended without a close frame.
        case lost
        case byGateway(CloseCode)

        /// A short name for logs and metric labels.
        var label: String {
            switch self {
            case .byClient: "by_client"
            case .lost: "lost"
            case .byGateway(let code): code.label
            }
        }

        /// True for ends that are part of normal operation.
        var isExpected: Bool {
            switch self {
            case .byClient, .byGateway(.goingAway), .byGateway(.normalClosure): true
            case .lost, .byGateway: false
            }
        }
    }

    // MARK: Properties

    /// True while pending commands may start.
    var runsCommands: Bool {
        switch self {
        case .open, .finishing: true
        case .draining, .closing, .closed: false
        }
    }

    /// True while frames may be written.
    var allowsWriting: Bool {
        switch self {
        case .open, .finishing, .draining: true
        case .closing, .closed: false
        }
    }

    /// True while input is decoded; at other times it is dropped.
    var decodesInput: Bool {
        switch self {
        case .open, .draining(nil), .closing(_, .awaited): true
        case .finishing, .draining, .closing, .closed: false
        }
    }

    var isDraining: Bool {
        if case .draining = self { true } else { false }
    }

    var isClosing: Bool {
        if case .closing = self { true } else { false }
    }

    /// The end of the peer's input; `nil` if its input has not ended, or the connection is closed.
    var peerEnd: PeerEnd? {
        switch self {
        case .finishing(let end), .closing(_, .ended(let end)): end
        case .draining(let end): end
        case .open, .closing, .closed: nil
        }
    }

    // MARK: Transitions

    /// The action after the peer has ended its input.
    enum PeerEndAction: Equatable {
        /// Let the pending commands run, then call ``end(after:)``; call it after the close timeout at the latest.
        case finishCommands
        /// Continue to wait for the pending commands.
        case wait
        /// Call ``end(after:)``.
        case end
    }

    /// Notes the end of the peer's input.
    mutating func peerEnded(_ end: PeerEnd, hasCommands: Bool) -> PeerEndAction {
        switch self {
        case .open where hasCommands:
            self = .finishing(end)
            return .finishCommands
        case .finishing where hasCommands: return .wait
        case .open, .finishing, .draining, .closing, .closed: return .end
        }
    }

    /// Ends the connection after the peer's input has ended. The caller closes the channel.
    ///
    /// - Returns: The code of the close frame that the caller must send before; `nil` for none.
    mutating func end(after end: PeerEnd) -> UInt16? {
        switch self {
        case .open, .finishing, .draining:
            guard case .closeFrame(let code) = end else {
                self = .closing(.lost, .ended(end))
                return nil
            }
            self = .closing(.byClient, .ended(end))
            return code
        case .closing(let reason, _): self = .closing(reason, .ended(end))
        case .closed: break
        }
        return nil
    }

    /// Begins the shutdown. Returns false if the connection is already ending.
    mutating func drain() -> Bool {
        switch self {
        case .open: self = .draining(nil)
        case .finishing(let end): self = .draining(end)
        case .draining, .closing, .closed: return false
        }
        return true
    }

    /// Closes the connection from our side. Returns true if the caller must send the close frame.
    ///
    /// - Parameter ignoringInput: True when further input of the peer is dropped, also if the close frame has been sent
    ///   before.
    mutating func close(_ code: CloseCode, ignoringInput: Bool = false) -> Bool {
        switch self {
        case .open, .draining(nil): self = .closing(.byGateway(code), ignoringInput ? .ignored : .awaited)
        case .finishing(let end), .draining(let end?): self = .closing(.byGateway(code), .ended(end))
        case .closing(let reason, .awaited) where ignoringInput:
            self = .closing(reason, .ignored)
            return false
        case .closing, .closed: return false
        }
        return true
    }

    /// Notes that the channel is inactive. Returns the reason of the end, or `nil` if the connection was closed before.
    mutating func finish() -> EndReason? {
        defer { self = .closed }
        switch self {
        case .open, .finishing, .draining: return .lost
        case .closing(let reason, _): return reason
        case .closed: return nil
        }
    }
}
