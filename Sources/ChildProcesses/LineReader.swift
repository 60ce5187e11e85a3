import Glibc

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
