import Testing

@testable import Core
@testable import Telemetry

@Suite("Device times are trusted from seven days in the past to five minutes in the future")
struct TimePolicyTests {
    @Test("Plausible times are used", arguments: [0, 300, -300, -7 * 86400])
    func plausible(seconds: Int) {
        let claimed = receivedAt.advanced(by: .seconds(seconds))
        #expect(
            TimePolicy().decide(deviceTime: claimed, receivedAt: receivedAt)
                == TimePolicy.Decision(time: claimed, hasDeviceTime: true))
    }

    @Test(
        "Implausible times are replaced by the receive time and kept separately",
        arguments: [300.001, -7 * 86400 - 0.001, 1e8, -1.7e9])
    func implausible(seconds: Double) {
        let claimed = receivedAt.advanced(by: .seconds(seconds))
        #expect(
            TimePolicy().decide(deviceTime: claimed, receivedAt: receivedAt)
                == TimePolicy.Decision(time: receivedAt, hasDeviceTime: false, implausibleDeviceTime: claimed))
    }

    @Test("Without a device time, the receive time is used")
    func none() {
        #expect(
            TimePolicy().decide(deviceTime: nil, receivedAt: receivedAt)
                == TimePolicy.Decision(time: receivedAt, hasDeviceTime: false))
    }

    @Test("The extreme timestamps do not trap", arguments: [Int64.min, .max])
    func extremes(nanoseconds: Int64) {
        let claimed = Timestamp(nanosecondsSinceEpoch: nanoseconds)
        #expect(TimePolicy().decide(deviceTime: claimed, receivedAt: receivedAt).implausibleDeviceTime == claimed)
    }
}
