/// A part of a reading's way whose time is measured.
package enum Hop: String, Sendable, CaseIterable {
    /// From the device's sending until the gateway has it; only for devices that say when.
    case device
    /// Until it is handed to the hub: decoding, and what is done with it.
    case process
    /// Until the last socket of a loop has it.
    case fanOut = "fan_out"
    /// Until a browser has it; of traced deliveries only, as everything that follows.
    case network
    /// Until the browser has painted it.
    case paint
    /// The whole way, from the device where it is known, else from the gateway, to the paint.
    case endToEnd = "end_to_end"

    /// Its place in ``allCases``: every reading is recorded, so that tables are arrays.
    var index: Int {
        switch self {
        case .device: 0
        case .process: 1
        case .fanOut: 2
        case .network: 3
        case .paint: 4
        case .endToEnd: 5
        }
    }
}
