/// A decoder of payloads that are JSON, so that a payload is parsed once even when the convention is found by its shape.
protocol JSONPayloadDecoder: PayloadDecoder {
    /// The readings in a parsed payload; at least one.
    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading]
}

extension JSONPayloadDecoder {
    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try decode(try Self.parse(payload, context: context), context: context)
    }

    /// The payload as JSON, within the context's limits.
    static func parse(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> JSONValue {
        try context.limits.check(byteCount: payload.count)
        do throws(JSONError) {
            return try JSONParser.parse(
                payload, maxDepth: context.limits.maxDepth, maxMembers: context.limits.maxMembersPerObject)
        } catch {
            throw DecodeError(error)
        }
    }
}
