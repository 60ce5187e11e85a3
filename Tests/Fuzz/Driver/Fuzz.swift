import FuzzInputs
import Glibc

// Fuzzes one input of Windsock until something traps or takes too long. `WINDSOCK_FUZZ_INPUT` names the input. Only
// scripts/fuzz builds this file, because libFuzzer provides the program's entry point.

/// The CPU time allowed for an input: a fixed part and a part per byte. Instrumentation slows everything down several
/// times, so only quadratic or worse behaviour is detected.
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

/// Entry point called by libFuzzer for each generated input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
    let limit = fixedSeconds + secondsPerByte * Double(size)
    // Other processes may slow down one run, but not three.
    var fastest = Double.infinity
    for _ in 0..<3 {
        let start = processorSeconds()
        _ = input.read(bytes)
        fastest = min(fastest, processorSeconds() - start)
        if fastest <= limit { return 0 }
    }
    preconditionFailure("\(size) bytes took \(fastest) s; allowed: \(limit)")
}

/// CPU time of the whole process, which runs nothing else.
private func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
