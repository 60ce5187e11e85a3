import Foundation

extension String {
    /// The same text in Unicode's normal form NFC, for names that operators write into files.
    package var inNormalForm: String { isPlain ? self : precomposedStringWithCanonicalMapping }

    /// Whether it is in normal form, as names that come from outside must be.
    ///
    /// Swift takes `é` and `e` with an accent behind it for equal, and the sign for Kelvin for the letter; a database, a
    /// broker and who issues tokens do not. A name in another form is refused and not brought into this one: whoever gave it
    /// to somebody may have given the other name to somebody else.
    package var isInNormalForm: Bool {
        isPlain || precomposedStringWithCanonicalMapping.utf8.elementsEqual(utf8)
    }

    /// Whether it is ASCII, which is in every normal form.
    private var isPlain: Bool { utf8.allSatisfy { $0 < 0x80 } }
}
