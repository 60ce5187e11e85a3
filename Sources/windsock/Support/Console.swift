import Foundation

/// Writes whole lines at once: results to standard output, everything else to standard error.
enum Console {
    static func print(_ line: String) {
        write("\(line)\n", to: .standardOutput)
    }

    static func error(_ line: String) {
        write("\(line)\n", to: .standardError)
    }

    /// Replaces the current line of a terminal; on anything else a line of its own.
    static func progress(_ line: String) {
        write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n", to: .standardError)
    }

    /// Ends a line that ``progress(_:)`` left open.
    static func endProgress() {
        if isTerminal { write("\n", to: .standardError) }
    }

    static let isTerminal = isatty(STDERR_FILENO) == 1

    private static func write(_ text: String, to file: FileHandle) {
        // A reader that has gone away is not our failure.
        try? file.write(contentsOf: Data(text.utf8))
    }
}
