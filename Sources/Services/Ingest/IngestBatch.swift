import MQTTTransport
import Realtime
import Storage
import Telemetry

/// A decoded message of a batch.
struct IngestItem {
    /// The result of decoding.
    enum Outcome {
        case readings([Reading])
        /// A status message; `nil` for an empty one, which clears a retained status.
        case status(StatusReport?)
        case failed(DecodeError)
        /// A clock request that was answered. Only its delivery is stored, so that a redelivery is recognized.
        case answered
    }

    let message: MQTTMessage
    let outcome: Outcome
    /// The journey of each reading.
    var journeys: [Journey] = []
    /// The trace ID that a dead letter of this message shows.
    var trace: String?
}

/// The part of a batch that one transaction writes.
struct StoredBatch {
    private(set) var readings: [Reading] = []
    private(set) var journeys: [Journey] = []
    private(set) var deadLetters: [DeadLetter] = []
    private(set) var deliveries: [DeliveryLog.Entry] = []
    /// Index of the dead letter for each topic and reason.
    private var letterPlaces: [[ExactString]: Int] = [:]

    init(_ items: ArraySlice<IngestItem>, at instant: Timestamp) {
        readings.reserveCapacity(items.count)
        journeys.reserveCapacity(items.count)
        deliveries.reserveCapacity(items.count)
        for item in items {
            if item.message.qos == .atLeastOnce { deliveries.append(DeliveryLog.Entry(item.message)) }
            switch item.outcome {
            case .readings(let more):
                readings += more
                journeys += item.journeys
            case .status, .answered: continue
            case .failed(let error):
                // An empty payload clears a retained message; it carries no data that could be lost.
                if case .empty = error { continue }
                addLetter(item, reason: error.reason, detail: "\(error)", at: instant)
            }
        }
    }

    /// True when there is nothing to write.
    var isEmpty: Bool {
        deliveries.isEmpty && deadLetters.isEmpty && !readings.contains { !$0.isRetained }
    }

    /// The spans of the sampled messages, each once.
    var sampledParents: [TraceContext] {
        var parents: [TraceContext] = []
        for journey in journeys {
            guard let parent = journey.parent, parent.isSampled, parents.last != parent else { continue }
            parents.append(parent)
        }
        return parents
    }

    /// Records an item as a dead letter, whatever it was decoded to.
    mutating func bury(_ item: IngestItem, reason: String, detail: String, at instant: Timestamp) {
        if item.message.qos == .atLeastOnce { deliveries.append(DeliveryLog.Entry(item.message)) }
        addLetter(item, reason: reason, detail: detail, at: instant)
    }

    /// Adds a dead letter. Letters of the same topic and reason in a batch become one letter with a count.
    private mutating func addLetter(_ item: IngestItem, reason: String, detail: String, at instant: Timestamp) {
        var letter = DeadLetter(
            topic: item.message.topic, reason: reason, detail: detail, payload: item.message.payload, at: instant,
            traceID: item.trace)
        let key = [ExactString(letter.topic), ExactString(reason)]
        if let index = letterPlaces[key] {
            letter.count += deadLetters[index].count
            letter.firstAt = deadLetters[index].firstAt
            deadLetters[index] = letter
        } else {
            letterPlaces[key] = deadLetters.count
            deadLetters.append(letter)
        }
    }
}

/// The decoded messages of a batch, grouped into segments of readings and of statuses that keep the broker's order. The
/// order matters: a reading after a last will brings the device back online, one before it does not.
struct BatchSegments {
    /// A run of consecutive messages of one kind.
    enum Segment {
        /// Readings, and the journey of each.
        case readings([Reading], journeys: [Journey])
        case statuses([StatusReport])
    }

    private var segments: [Segment] = []
    private var readings: [Reading] = []
    private var journeys: [Journey] = []
    private var statuses: [StatusReport] = []

    /// Groups the items. Those that could not be decoded are left out.
    init(_ items: ArraySlice<IngestItem>) {
        readings.reserveCapacity(items.count)
        journeys.reserveCapacity(items.count)
        for item in items {
            switch item.outcome {
            case .readings(let more):
                closeStatuses()
                readings += more
                journeys += item.journeys
            case .status(let report?):
                closeReadings()
                statuses.append(report)
            case .status(nil), .failed, .answered: continue
            }
        }
        closeReadings()
        closeStatuses()
    }

    /// The segments in order; none is empty.
    var all: [Segment] { segments }

    private mutating func closeReadings() {
        if readings.isEmpty { return }
        segments.append(.readings(readings, journeys: journeys))
        readings = []
        journeys = []
    }

    private mutating func closeStatuses() {
        if statuses.isEmpty { return }
        segments.append(.statuses(statuses))
        statuses = []
    }
}
