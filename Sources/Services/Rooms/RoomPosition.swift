/// A place in a room's history.
package struct RoomPosition: Sendable, Equatable {
    /// The last message that came before; 0 when there was none.
    package var offset: Int64
    /// Which history it is: offsets of another epoch mean nothing.
    package var epoch: String

    package init(offset: Int64, epoch: String) {
        self.offset = offset
        self.epoch = epoch
    }
}
