import Synchronization
import TestSupport
import WebSocketClient

/// Reads a client's `data_update` messages and keeps their `seq` numbers, in order, snapshots apart.
final class SequenceCollector: Sendable {
    private final class Numbers: Sendable {
        struct State {
            var snapshot: Int?
            var live: [Int] = []
            var gaps = 0
        }

        let state = Mutex(State())

        func take(_ value: JSONValue) {
            state.withLock { state in
                switch value["type"]?.string {
                case "gap": state.gaps += 1
                case "data_update":
                    guard let number = value["payload"]?["data"]?["seq"]?.number else { return }
                    if value["payload"]?["snapshot"]?.bool == true {
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
                    guard let text = message.text, let value = try? JSONValue(parsing: text) else { continue }
                    numbers.take(value)
                }
            } catch {
                // The connection ended; what came before counts.
            }
        }
    }

    /// The `seq` of the snapshot that came after `joined`.
    var snapshot: Int? { numbers.state.withLock { $0.snapshot } }
    /// The numbers that came live, in order.
    var live: [Int] { numbers.state.withLock { $0.live } }
    /// How many `gap` notices came.
    var gaps: Int { numbers.state.withLock { $0.gaps } }

    /// Waits until the connection has ended.
    func ended() async { await task.value }
}
