import Foundation
import Services
import Testing

@testable import WebServer

/// Page cursors of devices are revealed only to clients that may see the devices.
@Suite("Device cursors")
struct DeviceCursorsTests {
    private let key = DeviceKey(room: "sensors/secret/room", device: "boiler")

    @Test("Both kinds of cursor lead back to their device; that of a hidden device reveals nothing")
    func roundTrip() {
        let cursors = DeviceCursors()
        let shown = cursors.cursor(of: key, isShown: true)
        let hidden = cursors.cursor(of: key, isShown: false)
        #expect(shown == "sensors/secret/room/boiler")
        #expect(cursors.device(at: shown) == key && cursors.device(at: hidden) == key)
        for form in [hidden, String(decoding: Base64URL.decode(hidden) ?? [], as: UTF8.self)] {
            #expect(!form.isEmpty && !form.contains("secret") && !form.contains("boiler"))
        }
        #expect(cursors.cursor(of: key, isShown: false) != hidden, "two cursors of the same device differ")
        let short = cursors.cursor(of: DeviceKey(room: "a", device: "b"), isShown: false)
        #expect(short.count == hidden.count && cursors.device(at: short)?.room == "a")
    }

    @Test("Invalid text and cursors of another process are rejected")
    func strangers() {
        let hidden = DeviceCursors().cursor(of: key, isShown: false)
        for text in ["", "x", "AAAA", hidden, String(hidden.dropLast(4))] {
            #expect(DeviceCursors().device(at: text) == nil)
        }
    }
}
