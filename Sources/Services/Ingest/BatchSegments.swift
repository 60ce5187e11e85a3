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

    private var segments: [Segment] = []
    private var readings: [Reading] = []
    private var journeys: [Journey] = []
    private var statuses: [StatusReport] = []

    /// Of what is left when everything that could not be decoded is out.
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

    /// All parts in order; none is empty.
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
