import NIOCore

/// Whom the gate let in: handed from ``UpgradeGate`` to ``WebSocketUpgrader`` on the channel's loop.
final class Admission {
    var identity: Identity?
}
