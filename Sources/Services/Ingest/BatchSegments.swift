import Realtime
import Telemetry

/// What a batch was decoded to, in parts of one kind each, so that readings and statuses keep the broker's order: a
/// reading after a last will brings the device back, one before it does not.
struct BatchSegments {
    /// A part of a batch.
    enum Segment {
        /// Readings, and with each where it comes from.
        case readings([Reading], journeys: [Journey])
        case statuses([StatusReport])
    }

    private(set) var readingCount = 0
    /// Messages on status topics, those that say nothing included.
    private(set) var statusCount = 0

    private var segments: [Segment] = []
    private var readings: [Reading] = []
    private var journeys: [Journey] = []
    private var statuses: [StatusReport] = []

    /// Room for about `capacity` readings.
    init(capacity: Int) {
        readings.reserveCapacity(capacity)
        journeys.reserveCapacity(capacity)
    }

    /// Takes what one message was.
    ///
    /// - Parameter journey: of a reading of that message.
    mutating func append(_ message: DecodedMessage, journey: (Reading) -> Journey) {
        switch message {
        case .readings(let more):
            closeStatuses()
            readings += more
            for reading in more { journeys.append(journey(reading)) }
            readingCount += more.count
        case .status(let report):
            closeReadings()
            statuses.append(report)
            statusCount += 1
        case .clearedStatus: statusCount += 1
        }
    }

    /// All parts in order; none is empty.
    mutating func finished() -> [Segment] {
        closeReadings()
        closeStatuses()
        return segments
    }

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
