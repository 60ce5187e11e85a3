import DequeModule

/// A client's outbound publications: those queued for a connection, and those in flight.
///
/// Used only on the loop's thread. Bounded by ``MQTTConfiguration/maxOutboundMessages``, which ``MQTTClient`` checks
/// before it adds a publication.
struct MQTTOutbound {
    private struct Entry {
        var publication: MQTTPublication
        var completion: (@Sendable (Bool) -> Void)?
        /// True when the entry counts towards the client's limit. The birth message does not.
        var isCounted: Bool
        /// The position in the order of sending.
        var number = 0
    }

    private let shared: MQTTClientState
    private var waiting = Deque<Entry>()
    /// In-flight publications by packet id, separate for each QoS. libmosquitto numbers both from one sequence, so the
    /// number of a long-outstanding QoS 1 message may be reused for a QoS 0 message.
    private var sentAtMostOnce: [Int32: Entry] = [:]
    private var sentAtLeastOnce: [Int32: Entry] = [:]
    private var sentCount = 0

    init(shared: MQTTClientState) {
        self.shared = shared
    }

    var hasWaiting: Bool { !waiting.isEmpty }

    /// Queues a publication. QoS 0 is best effort and is dropped when there is no connection.
    mutating func add(
        _ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)?, isConnected: Bool
    ) {
        let entry = Entry(publication: publication, completion: completion, isCounted: true)
        if publication.qos == .atMostOnce, !isConnected { return finish(entry, false) }
        waiting.append(entry)
    }

    /// Queues a message of the session itself, such as the birth message, ahead of all others.
    mutating func addFirst(_ publication: MQTTPublication) {
        waiting.prepend(Entry(publication: publication, completion: nil, isCounted: false))
    }

    /// Passes the queued publications to `publish`, which returns the packet id under which the completion will arrive.
    ///
    /// Drops publications that are not allowed. On any other error, keeps the rest queued and rethrows.
    mutating func send(_ publish: (MQTTPublication) throws(MQTTError) -> Int32) throws(MQTTError) {
        while var entry = waiting.popFirst() {
            do throws(MQTTError) {
                let packetID = try publish(entry.publication)
                sentCount += 1
                entry.number = sentCount
                remember(entry, packetID)
            } catch {
                guard case .invalidPublication = error else {
                    waiting.prepend(entry)
                    throw error
                }
                finish(entry, false)
            }
        }
    }

    private mutating func remember(_ entry: Entry, _ packetID: Int32) {
        let displaced =
            switch entry.publication.qos {
            case .atMostOnce: sentAtMostOnce.updateValue(entry, forKey: packetID)
            case .atLeastOnce: sentAtLeastOnce.updateValue(entry, forKey: packetID)
            }
        // The packet id was reused before its acknowledgement arrived, so the outcome is unknown.
        if let displaced { finish(displaced, false) }
    }

    /// Completes a publication, after the broker acknowledged it or the socket accepted it (QoS 0).
    mutating func completed(_ packetID: Int32, succeeded: Bool) {
        let entry = sentAtMostOnce.removeValue(forKey: packetID) ?? sentAtLeastOnce.removeValue(forKey: packetID)
        if let entry { finish(entry, succeeded) }
    }

    /// Drops QoS 0 publications after a lost connection. Keeps QoS 1: libmosquitto resends those in flight.
    mutating func connectionLost() {
        let lost = sentAtMostOnce
        sentAtMostOnce = [:]
        for entry in lost.values { finish(entry, false) }
        guard waiting.contains(where: { $0.publication.qos == .atMostOnce || !$0.isCounted }) else { return }
        let all = waiting
        waiting = []
        for entry in all {
            // Drop the birth message, because every connection queues its own.
            guard entry.isCounted else { continue }
            if entry.publication.qos == .atMostOnce { finish(entry, false) } else { waiting.append(entry) }
        }
    }

    /// Requeues in-flight QoS 1 publications after their libmosquitto client was destroyed. They go ahead of the queue,
    /// in their original order.
    mutating func handleLost() {
        connectionLost()
        let again = sentAtLeastOnce.values.filter(\.isCounted).sorted { $0.number > $1.number }
        sentAtLeastOnce = [:]
        for entry in again { waiting.prepend(entry) }
    }

    /// Drops all publications.
    mutating func abandon() {
        let all = Array(waiting) + sentAtMostOnce.values + sentAtLeastOnce.values
        waiting = []
        sentAtMostOnce = [:]
        sentAtLeastOnce = [:]
        for entry in all { finish(entry, false) }
    }

    private func finish(_ entry: Entry, _ succeeded: Bool) {
        if entry.isCounted {
            shared.update {
                $0.outstanding -= 1
                if succeeded { $0.counters.publishCompleted += 1 } else { $0.counters.publishDropped += 1 }
            }
        }
        entry.completion?(succeeded)
    }
}
