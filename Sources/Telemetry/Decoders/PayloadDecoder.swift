/// Turns payloads of one convention into readings. Pure: the same payload and context give the same readings.
package protocol PayloadDecoder: Sendable {
    var convention: PayloadConvention { get }

    /// The readings of a payload in the payload's order; at least one.
    ///
    /// Throws when any part of the payload is wrong, so that nothing of a message is lost unnoticed.
    func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading]
}
