import Foundation
import Services
import Testing

@testable import WebServer

/// Page cursors of devices are revealed only to clients that may see the devices.
@Suite("Device cursors")
struct DeviceCursorsTests {
    private let place = DevicePlace(room: "sensors/secret/room", device: "boiler")

    @Test("Both kinds of cursor lead back to their place; that of a hidden place reveals nothing")
    func roundTrip() {
        let cursors = DeviceCursors()
        let shown = cursors.cursor(of: place, isShown: true)
        let hidden = cursors.cursor(of: place, isShown: false)
        #expect(shown == "sensors/secret/room/boiler")
        #expect(cursors.place(of: shown) == place && cursors.place(of: hidden) == place)
        for form in [hidden, String(decoding: Base64URL.decode(hidden) ?? [], as: UTF8.self)] {
            #expect(!form.isEmpty && !form.contains("secret") && !form.contains("boiler"))
        }
        #expect(cursors.cursor(of: place, isShown: false) != hidden, "two cursors of the same place differ")
        let short = cursors.cursor(of: DevicePlace(room: "a", device: "b"), isShown: false)
        #expect(short.count == hidden.count && cursors.place(of: short)?.room == "a")
    }

    @Test("Invalid text and cursors of another process are rejected")
    func strangers() {
        let hidden = DeviceCursors().cursor(of: place, isShown: false)
        for text in ["", "x", "AAAA", hidden, String(hidden.dropLast(4))] {
            #expect(DeviceCursors().place(of: text) == nil)
        }
    }
}
