// @testable needs a build for testing: those of scripts/fuzz and of the tests are.
#if DEBUG || FUZZING
    /// Something that strangers write, with the code that reads it.
    ///
    /// `make fuzz` feeds each with what libFuzzer makes up; `FuzzTests` feeds the files in `Tests/Fuzz/corpus`.
    package struct FuzzInput: Sendable {
        /// In lower case with hyphens: the folder in the corpus has this name too.
        package let name: String
        /// Reads some bytes; false when they are refused. A trap is a fault, and a broken promise traps as well.
        package let read: @Sendable ([UInt8]) -> Bool

        package static let all = payloads + text + network + files

        init(_ name: String, _ read: @escaping @Sendable ([UInt8]) -> Bool) {
            self.name = name
            self.read = read
        }
    }

    /// Traps when a promise was broken.
    func promise(_ isKept: Bool, _ what: @autoclosure () -> String) {
        precondition(isKept, what())
    }
#endif
