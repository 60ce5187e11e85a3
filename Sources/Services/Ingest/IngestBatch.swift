import Core
import MQTTTransport
package import Realtime
import Storage
package import Telemetry

/// A reading with its trace information, as passed from the decoder through storage to the hub.
package struct IngestedReading: Sendable {
    package let reading: Reading
    /// The origin and timestamps of the reading; `nil` if they are not tracked.
    package var messageTrace: MessageTrace?

    package init(_ reading: Reading, messageTrace: MessageTrace? = nil) {
        self.reading = reading
        self.messageTrace = messageTrace
    }
}

/// The times of the transaction that stored a reading.
struct CommitTimes {
    let startedAt: Timestamp
    let endedAt: Timestamp
}

/// A message of a batch, with the result of decoding it.
struct IngestItem {
    /// The result of decoding.
    enum Content {
        case readings([IngestedReading])
        /// The reports of a status message; none for an empty one, which clears a retained status.
        case statuses([StatusReport])
        case failed(DecodeError)
        /// A message that carries no reading by its convention.
        case ignored
        /// A clock request that was answered, or an announcement for Home Assistant. Only its delivery is stored, so that
        /// a redelivery is recognized.
        case answered
        /// A message whose metrics the route drops.
        case dropped
    }

    let message: MQTTMessage
    let content: Content
    /// The fields of the message that became no metric.
    var ignored: [IgnoredFieldReport] = []
    /// True if a failure becomes a dead letter, false if it is only counted.
    var keepsLetter = true
    /// The trace ID that a dead letter of this message shows.
    var trace: String?
}

/// The part of a batch that one transaction writes.
struct StoredBatch {
    private(set) var readings: [IngestedReading] = []
    private(set) var deadLetters: [DeadLetter] = []
    private(set) var deliveries: [RedeliveryFilter.Entry] = []
    /// The index in ``deadLetters`` of the letter for a topic and a reason.
    private var letterIndices: [[ExactString]: Int] = [:]

    init(_ items: ArraySlice<IngestItem>, at instant: Timestamp) {
        readings.reserveCapacity(items.count)
        deliveries.reserveCapacity(items.count)
        for item in items {
            if item.message.qos == .atLeastOnce { deliveries.append(RedeliveryFilter.Entry(item.message)) }
            switch item.content {
            case .readings(let more): readings += more
            case .statuses, .ignored, .answered, .dropped: continue
            case .failed(let error):
                // An empty payload clears a retained message; it carries no data that could be lost.
                if case .empty = error { continue }
                guard item.keepsLetter else { continue }
                addLetter(item, reason: error.reason, detail: "\(error)", at: instant)
            }
        }
    }

    /// True when there is nothing to write.
    var isEmpty: Bool {
        deliveries.isEmpty && deadLetters.isEmpty && !readings.contains { !$0.reading.isRetained }
    }

    /// The trace contexts of the sampled messages' spans, each once.
    var sampledParents: [TraceContext] {
        var parents: [TraceContext] = []
        for reading in readings {
            guard let parent = reading.messageTrace?.parent, parent.isSampled, parents.last != parent else { continue }
            parents.append(parent)
        }
        return parents
    }

    /// Records an item as a dead letter, whatever it was decoded to.
    mutating func addRejected(_ item: IngestItem, reason: String, detail: String, at instant: Timestamp) {
        if item.message.qos == .atLeastOnce { deliveries.append(RedeliveryFilter.Entry(item.message)) }
        addLetter(item, reason: reason, detail: detail, at: instant)
    }

    /// Adds a dead letter. Letters of the same topic and reason in a batch become one letter with a count.
    private mutating func addLetter(_ item: IngestItem, reason: String, detail: String, at instant: Timestamp) {
        var letter = DeadLetter(
            topic: item.message.topic, reason: reason, detail: detail, payload: item.message.payload, at: instant,
            traceID: item.trace)
        let key = [ExactString(letter.topic), ExactString(reason)]
        if let index = letterIndices[key] {
            letter.count += deadLetters[index].count
            letter.firstAt = deadLetters[index].firstAt
            deadLetters[index] = letter
        } else {
            letterIndices[key] = deadLetters.count
            deadLetters.append(letter)
        }
    }
}
