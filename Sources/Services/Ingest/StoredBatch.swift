import MQTTTransport
import Realtime
import Storage
import Telemetry

/// What one transaction takes of a batch.
struct StoredBatch {
    private(set) var readings: [Reading] = []
    private(set) var journeys: [Journey] = []
    private(set) var deadLetters: [DeadLetter] = []
    private(set) var deliveries: [DeliveryLog.Entry] = []
    /// Index of the letter of each topic and reason.
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
                // How MQTT clears a retained message: nothing is lost.
                if case .empty = error { continue }
                addLetter(item, reason: error.reason, detail: "\(error)", at: instant)
            }
        }
    }

    /// Whether there is nothing to write.
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

    /// Takes an item as a dead letter instead of what it is.
    mutating func bury(_ item: IngestItem, reason: String, detail: String, at instant: Timestamp) {
        if item.message.qos == .atLeastOnce { deliveries.append(DeliveryLog.Entry(item.message)) }
        addLetter(item, reason: reason, detail: detail, at: instant)
    }

    /// The same topic and reason are one letter with a count, however many there are in the batch.
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
