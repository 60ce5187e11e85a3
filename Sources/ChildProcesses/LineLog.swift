import Core
import Glibc

/// The output lines of a child process: the newest ``maxLines`` of both streams, in order of arrival.
final class LineLog: Sendable {
    static let maxLines = 20_000
    static let maxLineBytes = 65_536

    private struct State {
        var lines: [ChildProcess.Line] = []
        var droppedCount = 0
    }

    private let state = Lock(State())

    func append(_ line: ChildProcess.Line) {
        state.withLock { state in
            state.lines.append(line)
            if state.lines.count > Self.maxLines {
                let surplus = Self.maxLines / 4
                state.lines.removeFirst(surplus)
                state.droppedCount += surplus
            }
        }
    }

    var lines: [ChildProcess.Line] { state.withLock { $0.lines } }

    /// Returns the first line at or after `position` that satisfies `isMatch`, and the position to continue from.
    func first(from position: Int, where isMatch: (ChildProcess.Line) -> Bool) -> (ChildProcess.Line?, next: Int) {
        let (lines, start) = state.withLock { ($0.lines, $0.droppedCount) }
        var index = max(position - start, 0)
        while index < lines.count {
            if isMatch(lines[index]) { return (lines[index], start + index + 1) }
            index += 1
        }
        return (nil, start + lines.count)
    }
}

/// Splits the output of a pipe into lines. Blocks its thread until the pipe is closed.
enum LineReader {
    /// Reads `descriptor` to its end, passes on each line without its line feed, and closes the descriptor.
    static func read(_ descriptor: Int32, onLine: (String) -> Void) {
        defer { close(descriptor) }
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        func flush() {
            if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
            onLine(String(decoding: pending, as: UTF8.self))
            pending.removeAll(keepingCapacity: true)
        }
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            for byte in chunk[..<count] {
                if byte == UInt8(ascii: "\n") {
                    flush()
                } else {
                    pending.append(byte)
                    if pending.count >= LineLog.maxLineBytes { flush() }
                }
            }
        }
        if !pending.isEmpty { flush() }
    }
}
