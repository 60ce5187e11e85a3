import DequeModule

/// A client's publications on their way: those that wait for a connection, and those whose completion is awaited.
///
/// Belongs to the session's thread.
struct MQTTOutbound {
    private struct Entry {
        var publication: MQTTPublication
        var completion: (@Sendable (Bool) -> Void)?
        /// Whether it counts against the client's limit; our own birth message does not.
        var isCounted: Bool
    }

    private let shared: MQTTClientState
    private var waiting = Deque<Entry>()
    private var sent: [Int32: Entry] = [:]

    init(shared: MQTTClientState) {
        self.shared = shared
    }

    mutating func add(_ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)?) {
        waiting.append(Entry(publication: publication, completion: completion, isCounted: true))
    }

    /// Puts a message of our own before all that wait.
    mutating func addFirst(_ publication: MQTTPublication) {
        waiting.prepend(Entry(publication: publication, completion: nil, isCounted: false))
    }

    /// Hands what waits to `publish`, which returns the packet id of the completion.
    mutating func send(_ publish: (MQTTPublication) throws(MQTTError) -> Int32) {
        while let entry = waiting.popFirst() {
            do throws(MQTTError) {
                sent[try publish(entry.publication)] = entry
            } catch {
                if case .invalidPublication = error {
                    finish(entry, false)
                    continue
                }
                // The connection broke meanwhile: what must arrive waits for the next.
                waiting.prepend(entry)
                return dropUnsent()
            }
        }
    }

    /// The broker has it, or at QoS 0 the socket.
    mutating func completed(_ packetID: Int32) {
        guard let entry = sent.removeValue(forKey: packetID) else { return }
        finish(entry, true)
    }

    /// QoS 0 is best effort: without a connection it is given up. QoS 1 stays; libmosquitto sends again what it has.
    mutating func connectionLost() {
        for (id, entry) in sent where entry.publication.qos == .atMostOnce {
            sent[id] = nil
            finish(entry, false)
        }
        dropUnsent()
    }

    /// Gives up QoS 0 messages that wait although there is no connection.
    mutating func dropUnsent() {
        guard waiting.contains(where: { $0.publication.qos == .atMostOnce }) else { return }
        let all = waiting
        waiting = []
        for entry in all {
            if entry.publication.qos == .atMostOnce { finish(entry, false) } else { waiting.append(entry) }
        }
    }

    /// libmosquitto's client is gone with what it had in flight: send it again with the next one.
    mutating func handleLost() {
        let again = sent.values.filter { $0.publication.qos == .atLeastOnce }
        sent = [:]
        for entry in again { waiting.prepend(entry) }
    }

    /// Gives everything up.
    mutating func abandon() {
        for entry in waiting { finish(entry, false) }
        for entry in sent.values { finish(entry, false) }
        waiting = []
        sent = [:]
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
