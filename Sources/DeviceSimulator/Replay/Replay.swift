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
    /// The due time of row 0 in the current round.
    private var roundStart = Duration.zero
    /// The total duration of earlier rounds in the file's own time.
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
            // The new round begins after another gap as long as that between the last two rows.
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

    /// The duration of a round in a file whose rows all have the same time.
    private var minimumRound: Duration {
        switch pace {
        case .speed: .seconds(1)
        case .interval(let interval): interval
        case .unpaced: .zero
        }
    }

    /// Returns the due time of a row, relative to the first row. Rows out of order are due at once; see ``advance()``.
    private func offset(of row: Int) -> Duration {
        switch pace {
        case .speed(let speed):
            .seconds(rounding: table.times[row].since(table.times[0]).seconds / speed)
        case .interval(let interval): interval * row
        case .unpaced: .zero
        }
    }

    /// Returns the elapsed time for waveforms beside the columns: the turn's due time, or the file's own time when the
    /// replay is unpaced.
    func elapsed(at turn: Turn) -> Duration {
        pace == .unpaced ? fileRoundStart + fileOffset(of: turn.row) : turn.due
    }

    private func fileOffset(of row: Int) -> Duration {
        table.times.isEmpty ? .zero : max(table.times[row].since(table.times[0]), .zero)
    }
}
