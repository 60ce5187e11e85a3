import Core
import Testing

@Suite("Parsing of ISO 8601 times in the forms that devices use")
struct ISO8601Tests {
    @Test(
        "Equivalent texts give the same instant",
        arguments: [
            "2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000Z", "2024-05-01t12:00:00z", "2024-05-01 12:00:00",
            "2024-05-01T12:00", "2024-05-01T12:00Z", "2024-05-01T14:00:00+02:00", "2024-05-01T14:00:00+0200",
            "2024-05-01T14:00:00+02", "2024-05-01T06:30:00-05:30", "2024-05-02T00:00:00+12:00",
            "2024-05-01T11:59:60Z", "2024-05-01T12:00:00,0Z",
        ])
    func forms(text: String) {
        #expect(Timestamp(iso8601: text)?.nanosecondsSinceEpoch == 1_714_564_800_000_000_000)
    }

    @Test(
        "Fractions of a second are parsed to the nanosecond",
        arguments: [
            ("1970-01-01T00:00:00.5Z", 500_000_000), ("1970-01-01T00:00:00.123456789Z", 123_456_789),
            ("1970-01-01T00:00:00.1234567899Z", 123_456_789), ("1970-01-01T00:00:01.000001", 1_000_001_000),
        ] as [(String, Int64)])
    func fractions(text: String, nanoseconds: Int64) {
        #expect(Timestamp(iso8601: text)?.nanosecondsSinceEpoch == nanoseconds)
    }

    @Test("29 February is accepted only in leap years")
    func leapDays() {
        #expect(Timestamp(iso8601: "2024-02-29T00:00:00Z")?.rfc3339 == "2024-02-29T00:00:00.000Z")
        #expect(Timestamp(iso8601: "2000-02-29T00:00:00Z") != nil)
        #expect(Timestamp(iso8601: "2023-02-29T00:00:00Z") == nil)
        #expect(Timestamp(iso8601: "2100-02-29T00:00:00Z") == nil)
    }

    @Test(
        "Invalid text gives nil",
        arguments: [
            "", "2024", "2024-05-01", "12:00:00", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
            "2024-04-31T00:00:00Z", "2024-05-01T24:00:00Z", "2024-05-01T12:60:00Z", "2024-05-01T12:00:61Z",
            "2024-05-01T12:00:00.Z", "2024-05-01T12:00:00+2", "2024-05-01T12:00:00+25:00", "2024-05-01T12:00:00X",
            "2024-05-01T12:00:00Z ", " 2024-05-01T12:00:00Z", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z",
            "２024-05-01T12:00:00Z", "24-05-01T12:00:00Z", "yesterday",
            "2024-05-01T12:00:00." + String(repeating: "1", count: 99),
        ])
    func refuses(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test("The last representable second is parsed")
    func last() {
        #expect(Timestamp(iso8601: "2261-12-31T23:59:59.999Z")?.rfc3339 == "2261-12-31T23:59:59.999Z")
    }
}
