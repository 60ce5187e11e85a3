import Core
import Testing

/// Durations are parsed and printed in human-readable form.
@Suite("Durations")
struct DurationTextTests {
    @Test(
        "A number with a unit is parsed as a duration",
        arguments: [
            ("500ms", .milliseconds(500)), ("10s", .seconds(10)), ("1.5h", .seconds(5400)), ("5m", .seconds(300)),
            ("7d", .seconds(604_800)), ("0s", .zero), ("0.25ms", .microseconds(250)),
        ] as [(String, Duration)])
    func parsing(_ text: String, _ duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        "Text in any other form is not a duration",
        arguments: ["", "5", "s", "-1s", "1w", "1e400s", "nans", "infs", "0x10s", "1 s", " 1s", "1s ", "1m30s", "+1s"])
    func refusing(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "A duration is formatted as its shortest exact text",
        arguments: [
            (.seconds(90), "90s"), (.seconds(86_400), "1d"), (.milliseconds(1500), "1500ms"), (.zero, "0s"),
            (.seconds(5400), "90m"),
        ] as [(Duration, String)])
    func formatting(_ duration: Duration, _ text: String) {
        #expect(DurationText.format(duration) == text)
        #expect(DurationText.parse(text) == duration)
    }
}
