import Core
import WebSocketClient

/// Records the `seq` numbers of a client's `data_update` messages in order, with snapshots kept separately.
final class SequenceCollector: Sendable {
    private final class Numbers: Sendable {
        struct State {
            var snapshot: Int?
            var live: [Int] = []
            var gaps = 0
        }

        let state = Lock(State())

        func take(_ value: JSONValue) {
            state.withLock { state in
                switch value["type"]?.stringValue {
                case "gap": state.gaps += 1
                case "data_update":
                    guard let number = value["payload"]?["data"]?["seq"]?.numberValue else { return }
                    if value["payload"]?["snapshot"]?.boolValue == true {
                        state.snapshot = Int(number)
                    } else {
                        state.live.append(Int(number))
                    }
                default: return
                }
            }
        }
    }

    private let numbers: Numbers
    private let task: Task<Void, Never>

    init(_ client: WebSocketClient) {
        let numbers = Numbers()
        self.numbers = numbers
        task = Task {
            do {
                for try await message in client.messages {
                    guard let text = message.text, let value = try? JSONParser.parse(Array(text.utf8)) else {
                        continue
                    }
                    numbers.take(value)
                }
            } catch {
                // The connection ended; earlier messages count.
            }
        }
    }

    /// The `seq` of the snapshot that followed `joined`.
    var snapshot: Int? { numbers.state.withLock { $0.snapshot } }
    /// The numbers of live messages, in order.
    var live: [Int] { numbers.state.withLock { $0.live } }
    /// The last live number and the number of live messages, without copying them.
    var last: Int? { numbers.state.withLock { $0.live.last } }
    var count: Int { numbers.state.withLock { $0.live.count } }
    /// The number of `gap` notices.
    var gaps: Int { numbers.state.withLock { $0.gaps } }

    /// Waits until the connection has ended.
    func ended() async { await task.value }
}
