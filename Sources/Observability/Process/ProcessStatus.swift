/// The fields of `/proc/self/stat` that metrics are made of.
///
/// Source: `proc(5)`. Times are in clock ticks, `resident` in pages.
struct ProcessStatus: Equatable {
    var threads: UInt64
    /// Ticks between the start of the machine and that of the process.
    var startTicks: UInt64
    var virtualBytes: UInt64
    var residentPages: UInt64

    /// Parses one line of `stat`. The second field is the program's name in parentheses, which may itself hold
    /// spaces and parentheses: fields are counted from the last one that closes.
    init?(_ text: String) {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> UInt64? {
            // The first field after the name is number 3.
            let index = number - 3
            return fields.indices.contains(index) ? UInt64(fields[index]) : nil
        }
        guard let threads = field(20), let start = field(22),
            let virtual = field(23), let resident = field(24)
        else { return nil }
        self.threads = threads
        startTicks = start
        virtualBytes = virtual
        residentPages = resident
    }
}
