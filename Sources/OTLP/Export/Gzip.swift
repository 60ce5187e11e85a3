import CZlib

/// Makes bodies smaller: one gzip member (RFC 1952) by zlib.
enum Gzip {
    /// zlib said no, with its code: practically, memory has run out.
    struct Failure: Error {
        let code: Int32
    }

    /// The default window, and 16 for gzip's frame instead of zlib's.
    private static let windowBits = MAX_WBITS + 16
    /// zlib's default.
    private static let memoryLevel: Int32 = 8

    static func compress(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
        var stream = z_stream()
        var code = deflateInit2_(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw Failure(code: code) }
        defer { deflateEnd(&stream) }
        // With room for the worst case one call does it all.
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        // zlib does not write to its input, though C cannot say so.
        var input = bytes
        let output = input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: bound) { target, count in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                code = deflate(&stream, Z_FINISH)
                count = bound - Int(stream.avail_out)
            }
        }
        guard code == Z_STREAM_END else { throw Failure(code: code) }
        return output
    }
}
