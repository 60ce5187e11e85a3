import NIOCore
import NIOEmbedded
import Testing

@testable import WebServer

/// Requests start at a limited pace and in a fair order, however many connections wait.
@Suite("Request pacer")
struct RequestPacerTests {
    private let loop = EmbeddedEventLoop()

    @Test("Five requests start per millisecond; waiting ones start in order, before later ones")
    func order() {
        let pacer = RequestPacer(on: loop)
        var begun: [Int] = []
        func come(_ number: Int) {
            if pacer.tryBegin() { begun.append(number) } else { pacer.enqueue { begun.append(number) } }
        }
        for number in 1...12 { come(number) }
        #expect(begun == Array(1...5))
        loop.advanceTime(by: .milliseconds(1))
        #expect(begun == Array(1...10))
        come(13)
        #expect(begun == Array(1...10))
        loop.advanceTime(by: .milliseconds(1))
        #expect(begun == Array(1...13))
        loop.advanceTime(by: .seconds(1))
        for number in 14...18 { come(number) }
        #expect(begun == Array(1...18), "after a pause no request waits")
    }

    @Test("Many connections with many requests each are all answered")
    func crowd() async throws {
        try await Endpoint.withServer { server in
            let request = Array("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n".utf8)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        let socket = try RawSocket(port: server.port)
                        try await socket.send([UInt8](repeatElement(request, count: 50).joined()))
                        socket.finishSending()
                        return try await socket.text().ranges(of: "HTTP/1.1 200 ").count
                    }
                }
                for try await count in group { #expect(count == 50) }
            }
        }
    }
}
