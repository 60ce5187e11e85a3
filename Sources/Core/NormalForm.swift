import Foundation

extension String {
    /// The same text in Unicode's normal form NFC, for names that operators write into files.
    package var inNormalForm: String { isPlain ? self : precomposedStringWithCanonicalMapping }

    /// True for a text in normal form, which names from outside must be.
    ///
    /// Swift takes `é` and `e` with an accent behind it for equal, and the sign for Kelvin for the letter. Databases, brokers
    /// and issuers of tokens do not. A name in another form is refused, not converted: its issuer may have given the
    /// converted name to another user.
    package var isInNormalForm: Bool {
        isPlain || precomposedStringWithCanonicalMapping.utf8.elementsEqual(utf8)
    }

    /// True for ASCII, which is in every normal form.
    private var isPlain: Bool { utf8.allSatisfy { $0 < 0x80 } }
}
