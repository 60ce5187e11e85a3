import Core

/// The order and pace in which a device replays a table. A pure value: it computes due times and leaves the waiting to
/// its caller.
package struct Replay: Sendable {
    /// The pace of a replay.
    package enum Pace: Sendable, Hashable {
        /// The file's own times, accelerated by this factor.
        case speed(Double)
        /// One row per interval, for files without times.
        case interval(Duration)
        /// As fast as the broker accepts messages.
        case unpaced
    }

    /// A row and its due time.
    struct Turn: Hashable {
        var row: Int
        /// The time since the start; always zero when unpaced.
        var due: Duration
    }

    package let table: ReplayTable
    package let pace: Pace
    /// True when the first row follows the last.
    package let loops: Bool

    /// The next row, or `nil` at the end.
    private(set) var next: Turn?
    /// The due time of row 0 in the current round, that is, in the current pass over the table.
    private var roundStart = Duration.zero
    /// The total duration of earlier rounds according to the file's times, without any acceleration.
    private var fileRoundStart = Duration.zero

    package init(table: ReplayTable, pace: Pace, loops: Bool) {
        self.table = table
        self.pace = pace
        self.loops = loops
        next = Turn(row: 0, due: .zero)
    }

    /// Moves on to the next row.
    mutating func advance() {
        guard let current = next else { return }
        let following = current.row + 1
        if following < table.rowCount {
            next = Turn(row: following, due: max(current.due, roundStart + offset(of: following)))
        } else if loops {
            // The gap before the new round is as long as the gap between the last two rows.
            let last = table.rowCount - 1
            let step = last > 0 ? offset(of: last) - offset(of: last - 1) : minimumRound
            roundStart = current.due + max(step, .zero)
            if roundStart == .zero, pace != .unpaced { roundStart = minimumRound }
            fileRoundStart += fileOffset(of: last)
            next = Turn(row: 0, due: roundStart)
        } else {
            next = nil
        }
    }

    /// The duration of a round (one pass over the table) when the table has one row, or when all its rows have the
    /// same time.
    private var minimumRound: Duration {
        switch pace {
        case .speed: .seconds(1)
        case .interval(let interval): interval
        case .unpaced: .zero
        }
    }

    /// Returns the due time of a row, relative to the first row. It is negative for a row with an earlier time, which
    /// ``advance()`` then makes due at once.
    private func offset(of row: Int) -> Duration {
        switch pace {
        case .speed(let speed):
            .seconds(rounding: table.times[row].since(table.times[0]).seconds / speed)
        case .interval(let interval): interval * row
        case .unpaced: .zero
        }
    }

    /// Returns the time at which metrics with a waveform are evaluated: the due time, or, in an unpaced replay, the
    /// time of the row in the file. Both count from the start of the replay.
    func elapsed(at turn: Turn) -> Duration {
        pace == .unpaced ? fileRoundStart + fileOffset(of: turn.row) : turn.due
    }

    private func fileOffset(of row: Int) -> Duration {
        table.times.isEmpty ? .zero : max(table.times[row].since(table.times[0]), .zero)
    }
}
