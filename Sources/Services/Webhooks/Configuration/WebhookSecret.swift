/// What signatures are made with. Known to the gateway and to the receiver; shows itself to nobody else.
package struct WebhookSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// Fewer can be guessed from one signature.
    package static let minimumByteCount = 16

    let bytes: [UInt8]

    /// The bytes of the text in UTF-8, as they are.
    package init(_ text: String) throws(WebhookConfigurationError) {
        bytes = Array(text.utf8)
        guard bytes.count >= Self.minimumByteCount else { throw .secretTooShort(byteCount: bytes.count) }
    }

    package var description: String { "(not shown)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
