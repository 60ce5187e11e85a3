import Testing

@testable import Core
@testable import Telemetry

@Suite("A device's time is believed within five minutes ahead and seven days behind")
struct TimePolicyTests {
    @Test("plausible times are kept", arguments: [0, 300, -300, -7 * 86400])
    func plausible(seconds: Int) {
        let claimed = receivedAt.advanced(by: .seconds(seconds))
        #expect(
            TimePolicy().decide(deviceTime: claimed, receivedAt: receivedAt)
                == TimePolicy.Decision(time: claimed, hasDeviceTime: true))
    }

    @Test(
        "implausible times give way to the receive time and are kept beside it",
        arguments: [300.001, -7 * 86400 - 0.001, 1e8, -1.7e9])
    func implausible(seconds: Double) {
        let claimed = receivedAt.advanced(by: .seconds(seconds))
        #expect(
            TimePolicy().decide(deviceTime: claimed, receivedAt: receivedAt)
                == TimePolicy.Decision(time: receivedAt, hasDeviceTime: false, implausibleDeviceTime: claimed))
    }

    @Test("no time is the receive time")
    func none() {
        #expect(
            TimePolicy().decide(deviceTime: nil, receivedAt: receivedAt)
                == TimePolicy.Decision(time: receivedAt, hasDeviceTime: false))
    }

    @Test("the ends of all times do not trap", arguments: [Int64.min, .max])
    func extremes(nanoseconds: Int64) {
        let claimed = Timestamp(nanosecondsSinceEpoch: nanoseconds)
        #expect(TimePolicy().decide(deviceTime: claimed, receivedAt: receivedAt).implausibleDeviceTime == claimed)
    }
}
