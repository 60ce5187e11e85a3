import COpenSSL

/// A random key, as long-lived as this value, that encrypts and authenticates short texts with AES-256-GCM (NIST SP
/// 800-38D).
package struct SealingKey: Sendable {
    private static let keyBytes = 32
    private static let nonceBytes = 12
    private static let tagBytes = 16

    private let key: [UInt8]

    package init() {
        key = Self.randomBytes(Self.keyBytes)
    }

    /// Returns a random nonce, the ciphertext, which is as long as the text, and a tag of 16 bytes.
    package func seal(_ text: [UInt8]) -> [UInt8] {
        let nonce = Self.randomBytes(Self.nonceBytes)
        var body = [UInt8](repeating: 0, count: text.count)
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        var count: Int32 = 0
        let isSealed = withContext { context in
            // GCM is a stream cipher, so nothing is left for the end.
            EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                && EVP_EncryptUpdate(context, &body, &count, text, Int32(text.count)) == 1
                && EVP_EncryptFinal_ex(context, nil, &count) == 1
                && COpenSSL_GCM_get_tag(context, Int32(Self.tagBytes), &tag) == 1
        }
        precondition(isSealed, "OpenSSL offers no AES-256-GCM")
        return nonce + body + tag
    }

    /// Returns the text of a box; `nil` for one that this key has not sealed.
    package func open(_ box: [UInt8]) -> [UInt8]? {
        let byteCount = box.count - Self.nonceBytes - Self.tagBytes
        guard byteCount >= 0 else { return nil }
        let nonce = Array(box[..<Self.nonceBytes])
        let body = Array(box[Self.nonceBytes...].dropLast(Self.tagBytes))
        var tag = Array(box.suffix(Self.tagBytes))
        var text = [UInt8](repeating: 0, count: byteCount)
        var count: Int32 = 0
        let isOpened = withContext { context in
            EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                && EVP_DecryptUpdate(context, &text, &count, body, Int32(byteCount)) == 1
                && COpenSSL_GCM_set_tag(context, Int32(Self.tagBytes), &tag) == 1
                && EVP_DecryptFinal_ex(context, nil, &count) == 1
        }
        return isOpened ? text : nil
    }

    private func withContext(_ use: (OpaquePointer) -> Bool) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { return false }
        defer {
            EVP_CIPHER_CTX_free(context)
            ERR_clear_error()
        }
        return use(context)
    }

    private static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "OpenSSL has no random numbers")
        return bytes
    }
}
