import CFuzzer
import FuzzInputs
import Glibc

// Feeds one input of Windsock with what libFuzzer makes up, until something traps or takes too long:
//
//     fuzz NAME [options and corpus folders of libFuzzer]
//
// Built by scripts/fuzz alone: it links libFuzzer.

/// The time of the processor that an input may take: a part for each run, and a part for each byte. Instrumentation
/// makes everything several times as slow, so this finds what grows with the square of the input, and nothing less.
private let fixedSeconds = 0.2
private let secondsPerByte = 40e-6

private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

let name = CommandLine.arguments.dropFirst().first ?? ""
guard let chosen = FuzzInput.all.first(where: { $0.name == name }) else {
    print("fuzz: \"\(name)\" is no input; there are \(FuzzInput.all.map(\.name).joined(separator: ", "))")
    exit(64)
}
nonisolated(unsafe) let input = chosen

// libFuzzer knows no such argument.
var arguments = CommandLine.unsafeArgv + 1
arguments[0] = CommandLine.unsafeArgv[0]
var count = CommandLine.argc - 1
nonisolated(unsafe) var vector: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
exit(
    LLVMFuzzerRunDriver(&count, &vector) { data, size in
        let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
        let limit = fixedSeconds + secondsPerByte * Double(size)
        // What else runs may make one run slow, but not three.
        var fastest = Double.infinity
        for _ in 0..<3 {
            let start = processorSeconds()
            input.read(bytes)
            fastest = min(fastest, processorSeconds() - start)
            if fastest <= limit { return 0 }
        }
        preconditionFailure("\(size) bytes took \(fastest) s; allowed: \(limit)")
    })
