/// How much one payload may hold. Beyond it the payload is a ``DecodeError``; nothing is cut silently.
package struct DecodingLimits: Hashable, Sendable {
    /// Bytes of a payload.
    package var maxPayloadBytes: Int
    /// How deep JSON may nest; at most ``JSONParser/highestMaxDepth``.
    package var maxDepth: Int
    /// Members of one JSON object, metrics or not.
    package var maxMembersPerObject: Int
    package var maxMetricsPerReading: Int
    package var maxReadingsPerPayload: Int
    /// Metrics of all readings of a payload: each is a row of the database, so a payload of short names would keep ingest
    /// for long.
    package var maxMetricsPerPayload: Int

    package init(
        maxPayloadBytes: Int = 256 * 1024,
        maxDepth: Int = JSONParser.defaultMaxDepth,
        maxMembersPerObject: Int = JSONParser.defaultMaxMembers,
        maxMetricsPerReading: Int = 256,
        maxReadingsPerPayload: Int = 4096,
        maxMetricsPerPayload: Int = 16_384
    ) {
        self.maxPayloadBytes = maxPayloadBytes
        self.maxDepth = maxDepth
        self.maxMembersPerObject = maxMembersPerObject
        self.maxMetricsPerReading = maxMetricsPerReading
        self.maxReadingsPerPayload = maxReadingsPerPayload
        self.maxMetricsPerPayload = maxMetricsPerPayload
    }

    /// Throws unless a payload of that size may be looked at.
    func check(byteCount: Int) throws(DecodeError) {
        guard byteCount > 0 else { throw .empty }
        guard byteCount <= maxPayloadBytes else { throw .tooLarge(byteCount: byteCount, limit: maxPayloadBytes) }
    }

    /// Throws unless a payload may have that many readings.
    func check(readingCount: Int) throws(DecodeError) {
        guard readingCount <= maxReadingsPerPayload else { throw .tooManyReadings(limit: maxReadingsPerPayload) }
    }
}
