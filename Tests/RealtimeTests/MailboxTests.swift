import Core
import Foundation
import NIOCore
import Testing

@testable import Realtime

/// A full mailbox blocks publishers that may wait, and releases them later.
@Suite("Mailbox")
struct MailboxTests {
    /// A thread that waits for room, and its result.
    private final class Waiter: Sendable {
        private let result = Lock<Bool?>(nil)
        private let done = DispatchSemaphore(value: 0)

        init(_ mailbox: Mailbox) {
            let thread = Thread { [self] in
                let waited = mailbox.waitForCapacity()
                result.withLock { $0 = waited }
                done.signal()
            }
            thread.start()
        }

        var isDone: Bool { result.withLock { $0 != nil } }

        func wait() -> Bool? {
            _ = done.wait(timeout: .now() + 10)
            return result.withLock { $0 }
        }
    }

    private static func full() -> Mailbox {
        let mailbox = Mailbox(maxByteCount: 10)
        _ = mailbox.post(.messages([]), byteCount: 11)
        return mailbox
    }

    @Test("Below the limit, publishers do not wait")
    func room() {
        let mailbox = Mailbox(maxByteCount: 10)
        #expect(mailbox.post(.messages([]), byteCount: 10))
        #expect(!mailbox.post(.messages([]), byteCount: 0), "the shard is woken once")
        #expect(!mailbox.waitForCapacity())
    }

    @Test("A waiting publisher continues once the shard has emptied the mailbox")
    func drained() {
        let mailbox = Self.full()
        let waiter = Waiter(mailbox)
        #expect(!waiter.isDone)
        #expect(mailbox.takeAll().count == 1)
        #expect(waiter.wait() != nil)
    }

    @Test("A waiting publisher is released when the hub closes")
    func closed() {
        let mailbox = Self.full()
        let waiter = Waiter(mailbox)
        mailbox.close()
        #expect(waiter.wait() != nil)
        #expect(!mailbox.post(.messages([]), byteCount: 1))
        #expect(mailbox.takeAll().isEmpty)
    }
}
