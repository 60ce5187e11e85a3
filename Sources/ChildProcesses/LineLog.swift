import Core

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
