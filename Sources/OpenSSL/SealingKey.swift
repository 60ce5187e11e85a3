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
        var box = nonce + text + [UInt8](repeating: 0, count: Self.tagBytes)
        let isSealed = withContext { context in
            box.withUnsafeMutableBytes { box in
                let body = box.bindMemory(to: UInt8.self).baseAddress! + Self.nonceBytes
                var count: Int32 = 0
                return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                    && EVP_EncryptUpdate(context, body, &count, text, Int32(text.count)) == 1
                    && EVP_EncryptFinal_ex(context, body + text.count, &count) == 1
                    && COpenSSL_GCM_get_tag(context, Int32(Self.tagBytes), body + text.count) == 1
            }
        }
        precondition(isSealed, "OpenSSL offers no AES-256-GCM")
        return box
    }

    /// Returns the text of a box; `nil` for one that this key has not sealed.
    package func open(_ box: [UInt8]) -> [UInt8]? {
        let count = box.count - Self.nonceBytes - Self.tagBytes
        guard count >= 0 else { return nil }
        let nonce = Array(box[..<Self.nonceBytes])
        let body = Array(box[Self.nonceBytes..<(Self.nonceBytes + count)])
        var tag = Array(box.suffix(Self.tagBytes))
        // Room for one byte more, so that there is an address even for an empty text.
        var text = [UInt8](repeating: 0, count: count + 1)
        let isOpened = withContext { context in
            text.withUnsafeMutableBufferPointer { text in
                var size: Int32 = 0
                return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                    && EVP_DecryptUpdate(context, text.baseAddress, &size, body, Int32(count)) == 1
                    && COpenSSL_GCM_set_tag(context, Int32(Self.tagBytes), &tag) == 1
                    && EVP_DecryptFinal_ex(context, text.baseAddress! + count, &size) == 1
            }
        }
        guard isOpened else { return nil }
        text.removeLast()
        return text
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
