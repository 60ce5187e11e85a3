import Testing
import WebServer

@testable import Gateway

/// `echo_path` is off unless set by file, variable or flag, and conflicts are reported.
@Suite("Echo path setting")
struct EchoPathSettingTests {
    @Test("The endpoint is off by default and with an empty value")
    func off() throws {
        #expect(try SettingsFixture.load().server.echoPath == nil)
        #expect(try SettingsFixture.load("echo_path:").server.echoPath == nil)
    }

    @Test(
        "File, variable and flag set the path",
        arguments: [
            ("echo_path: /echo", [:], [:]), (nil, ["WINDSOCK_ECHO_PATH": "/echo"], [:]),
            ("echo_path: /other", ["WINDSOCK_ECHO_PATH": "/else"], ["echo_path": "/echo"]),
        ] as [(String?, [String: String], [String: String])])
    func sources(_ yaml: String?, _ environment: [String: String], _ flags: [String: String]) throws {
        #expect(try SettingsFixture.load(yaml, environment: environment, flags: flags).server.echoPath?.text == "/echo")
    }

    @Test(
        "A reserved path is an error that names it and the reserved paths", arguments: ["/ws", "/api/echo", "/readyz"])
    func taken(_ path: String) {
        let problems = SettingsFixture.problems("echo_path: \(path)")
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("windsock.yaml:1: echo_path: \"\(path)\" is taken") == true, "\(problems)")
        #expect(problems.first?.contains("/ws") == true)
        #expect(SettingsFixture.problems(flags: ["echo_path": path]).first?.hasPrefix("--echo-path: ") == true)
    }
}
