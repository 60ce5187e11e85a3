import Core
import Testing

@Suite("Parsing of trace contexts according to W3C Trace Context")
struct TraceContextTests {
    private static let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("A valid traceparent is parsed")
    func valid() throws {
        let context = try #require(TraceContext(traceparent: Self.valid, state: "vendor=1"))
        #expect(context.traceID == (0x0af7_6519_16cd_43dd, 0x8448_eb21_1c80_319c))
        #expect(context.spanID == 0xb7ad_6b71_6920_3331)
        #expect(context.flags == 1)
        #expect(context.isSampled)
        #expect(context.state == "vendor=1")
    }

    @Test("A cleared sampled flag is kept")
    func notSampled() throws {
        #expect(try #require(TraceContext(traceparent: Self.valid.dropLast() + "0")).isSampled == false)
    }

    @Test("A traceparent of a later version is parsed as far as version 00 goes")
    func laterVersion() {
        #expect(TraceContext(traceparent: "cc" + Self.valid.dropFirst(2) + "-extra") != nil)
        #expect(TraceContext(traceparent: "cc" + Self.valid.dropFirst(2) + ".extra") == nil)
    }

    @Test(
        "An invalid traceparent gives no context",
        arguments: [
            "", "00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        ])
    func invalid(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test(
        "A tracestate that is too long or not printable is dropped; the context is kept",
        arguments: ["", String(repeating: "a", count: 513), "a=1\r\nX-Evil: 1", "a=ü"])
    func badState(state: String) throws {
        #expect(try #require(TraceContext(traceparent: Self.valid, state: state)).state == nil)
    }
}
