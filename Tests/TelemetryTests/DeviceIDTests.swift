import Core
import Telemetry
import Testing

@Suite("A device's name is valid as a part of a room name")
struct DeviceIDTests {
    @Test(
        "Valid names are accepted",
        arguments: [
            "greenhouse-1", "Device A", "urn:dev:ow:10e2", "0x00158d00036c1821", "Küche", "$x",
            String(repeating: "a", count: 128),
        ])
    func accepts(name: String) {
        #expect(DeviceID(name)?.rawValue == name)
    }

    @Test(
        "Invalid names are rejected",
        arguments: [
            "", "a/b", "a+", "#", "a\0", "a\nb", "a\u{7F}", "a\u{85}", String(repeating: "a", count: 129),
            String(repeating: "ä", count: 65),
        ])
    func refuses(name: String) {
        #expect(DeviceID(name) == nil)
    }
}
