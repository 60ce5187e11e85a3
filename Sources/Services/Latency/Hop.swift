/// A part of a reading's way whose time is measured.
package enum Hop: String, Sendable, CaseIterable {
    /// From the device's sending until the gateway has it; only for devices that say when.
    case device
    /// Until it is decoded and its turn to be stored has come.
    case process
    /// Until its transaction is committed, alerts evaluated in it; only for what is stored.
    case commit
    /// From its handing over to the hub until the last socket of a loop has it.
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
        case .commit: 2
        case .fanOut: 3
        case .network: 4
        case .paint: 5
        case .endToEnd: 6
        }
    }
}
