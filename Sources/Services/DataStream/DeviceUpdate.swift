import Realtime

/// What a reading changed about a device, as the room is told it.
struct DeviceUpdate {
    /// One message: the payload, and what conflation compares.
    struct Part {
        let payload: [UInt8]
        let key: ConflationKey
    }

    /// The `device_status`, when the device came or went; goes before ``reading``.
    let status: Part?
    /// The `data_update`.
    let reading: Part
}
