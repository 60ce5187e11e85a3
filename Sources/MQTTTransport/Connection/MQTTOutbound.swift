import DequeModule

/// A client's publications on their way: those that wait for a connection, and those whose completion is awaited.
///
/// Belongs to the session's thread. Bounded by ``MQTTConfiguration/maxOutboundMessages``, which is reserved before a
/// publication comes here.
struct MQTTOutbound {
    private struct Entry {
        var publication: MQTTPublication
        var completion: (@Sendable (Bool) -> Void)?
        /// Whether it counts against the client's limit; our own birth message does not.
        var isCounted: Bool
        /// Its place in the order of sending.
        var number = 0
    }

    private let shared: MQTTClientState
    private var waiting = Deque<Entry>()
    /// By packet id; apart by quality of service, because libmosquitto numbers both and a QoS 1 message that is long
    /// under way may meet its number again.
    private var sentAtMostOnce: [Int32: Entry] = [:]
    private var sentAtLeastOnce: [Int32: Entry] = [:]
    private var sentCount = 0

    init(shared: MQTTClientState) {
        self.shared = shared
    }

    var hasWaiting: Bool { !waiting.isEmpty }

    /// Takes a publication. QoS 0 is best effort: without a connection it is given up at once.
    mutating func add(
        _ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)?, isConnected: Bool
    ) {
        let entry = Entry(publication: publication, completion: completion, isCounted: true)
        if publication.qos == .atMostOnce, !isConnected { return finish(entry, false) }
        waiting.append(entry)
    }

    /// Puts a message of our own before all that wait.
    mutating func addFirst(_ publication: MQTTPublication) {
        waiting.prepend(Entry(publication: publication, completion: nil, isCounted: false))
    }

    /// Hands what waits to `publish`, which returns the packet id of the completion.
    ///
    /// Publications that are not allowed are given up; with any other error the rest stays.
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
        // Its number came round before its answer: whether it arrived cannot be known any more.
        if let displaced { finish(displaced, false) }
    }

    /// The broker answered, or at QoS 0 the socket took it.
    mutating func completed(_ packetID: Int32, succeeded: Bool) {
        let entry = sentAtMostOnce.removeValue(forKey: packetID) ?? sentAtLeastOnce.removeValue(forKey: packetID)
        if let entry { finish(entry, succeeded) }
    }

    /// QoS 0 is given up. QoS 1 stays; libmosquitto sends again what it has.
    mutating func connectionLost() {
        let lost = sentAtMostOnce
        sentAtMostOnce = [:]
        for entry in lost.values { finish(entry, false) }
        guard waiting.contains(where: { $0.publication.qos == .atMostOnce || !$0.isCounted }) else { return }
        let all = waiting
        waiting = []
        for entry in all {
            // Every connection brings a birth message of its own.
            guard entry.isCounted else { continue }
            if entry.publication.qos == .atMostOnce { finish(entry, false) } else { waiting.append(entry) }
        }
    }

    /// libmosquitto's client is gone with what it had in flight: that is sent again with the next one, before
    /// everything that waits, in its old order.
    mutating func handleLost() {
        connectionLost()
        let again = sentAtLeastOnce.values.filter(\.isCounted).sorted { $0.number > $1.number }
        sentAtLeastOnce = [:]
        for entry in again { waiting.prepend(entry) }
    }

    /// Gives everything up.
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
