import FuzzInputs
import Glibc

// Feeds one input of Windsock with what libFuzzer makes up, until something traps or takes too long. `WINDSOCK_FUZZ_INPUT`
// names the input. Built by scripts/fuzz alone: libFuzzer has the program's entry.

/// The time of the processor that an input may take: a part for each run, and a part for each byte. Instrumentation makes
/// everything several times as slow, so this finds what grows with the square of the input, and nothing less.
private let fixedSeconds = 0.2
private let secondsPerByte = 40e-6

private let input: FuzzInput = {
    let name = getenv("WINDSOCK_FUZZ_INPUT").map { String(cString: $0) } ?? ""
    guard let input = FuzzInput.all.first(where: { $0.name == name }) else {
        print("fuzz: \"\(name)\" is no input; there are \(FuzzInput.all.map(\.name).joined(separator: ", "))")
        exit(64)
    }
    return input
}()

/// libFuzzer calls it for each input that it makes up.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
    let limit = fixedSeconds + secondsPerByte * Double(size)
    // What else runs may make one run slow, but not three.
    var fastest = Double.infinity
    for _ in 0..<3 {
        let start = processorSeconds()
        _ = input.read(bytes)
        fastest = min(fastest, processorSeconds() - start)
        if fastest <= limit { return 0 }
    }
    preconditionFailure("\(size) bytes took \(fastest) s; allowed: \(limit)")
}

/// Of the whole process, in which nothing else runs.
private func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
