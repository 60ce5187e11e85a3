import Foundation

extension String {
    /// The text in Unicode normal form NFC. Used for names that operators write into files.
    package var inNormalForm: String { isPlain ? self : precomposedStringWithCanonicalMapping }

    /// True for a text in normal form NFC, which names from outside must have.
    ///
    /// Swift treats `é` and `e` with a combining accent as equal, and the Kelvin sign as the letter K. Databases,
    /// brokers and token issuers do not. A name in another form is rejected, not converted: its issuer may have given
    /// the converted name to another user.
    package var isInNormalForm: Bool {
        isPlain || precomposedStringWithCanonicalMapping.utf8.elementsEqual(utf8)
    }

    /// True for ASCII text, which is the same in every normal form.
    private var isPlain: Bool { utf8.allSatisfy { $0 < 0x80 } }
}
