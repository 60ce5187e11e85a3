import Telemetry

/// The order and pace in which a device replays a table. A pure value: it says when, somebody else waits.
package struct Replay: Sendable {
    /// How fast time passes.
    package enum Pace: Sendable, Hashable {
        /// The file's own times, that many times faster.
        case speed(Double)
        /// One row in each interval: for files without times.
        case interval(Duration)
        /// As fast as the broker takes the messages.
        case unpaced
    }

    /// A row and when it is due.
    struct Turn: Hashable {
        var row: Int
        /// Since the start; always zero when unpaced.
        var due: Duration
    }

    package let table: ReplayTable
    package let pace: Pace
    /// Whether the first row follows the last.
    package let loops: Bool

    /// The next row, or `nil` at the end.
    private(set) var next: Turn?
    /// When the row 0 of this round is due.
    private var roundStart = Duration.zero
    /// How much of the file's own time earlier rounds took.
    private var fileRoundStart = Duration.zero

    package init(table: ReplayTable, pace: Pace, loops: Bool) {
        self.table = table
        self.pace = pace
        self.loops = loops
        next = Turn(row: 0, due: .zero)
    }

    /// Goes on to the row after ``next``.
    mutating func advance() {
        guard let current = next else { return }
        let following = current.row + 1
        if following < table.rowCount {
            next = Turn(row: following, due: max(current.due, roundStart + offset(of: following)))
        } else if loops {
            // As far behind the last row as that is behind the one before it.
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

    /// What a file of a single instant is repeated after.
    private var minimumRound: Duration {
        switch pace {
        case .speed: .seconds(1)
        case .interval(let interval): interval
        case .unpaced: .zero
        }
    }

    /// How long after the first row a row is due. Rows out of order are due at once: see ``advance()``.
    private func offset(of row: Int) -> Duration {
        switch pace {
        case .speed(let speed):
            .seconds(rounding: table.times[row].since(table.times[0]).seconds / speed)
        case .interval(let interval): interval * row
        case .unpaced: .zero
        }
    }

    /// The instant of a turn for waveforms beside the columns: when it is due, or in the file's own time when nothing
    /// paces it.
    func elapsed(at turn: Turn) -> Duration {
        pace == .unpaced ? fileRoundStart + fileOffset(of: turn.row) : turn.due
    }

    private func fileOffset(of row: Int) -> Duration {
        table.times.isEmpty ? .zero : max(table.times[row].since(table.times[0]), .zero)
    }
}
