/// Sensor Measurement Lists in JSON (RFC 8428): an array of records with base fields.
///
///     [{"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320067464e+09,"bu":"%RH","n":"humidity","v":20},
///      {"n":"temperature","u":"Cel","v":23.1,"t":60}]
///
/// A record's resolved name (`bn` + `n`) is device and metric, split at the last `/` or `:`; without a device in it,
/// the device is the topic's. Where the topic names a device, the pack may repeat that name or call the device by one
/// URN of its own; see ``SenMLPack``. Records of one device and time make one reading. Times below 2^28 are relative to the
/// receive time (section 4.5.3). `vb` is 1 or 0; `s` is the metric `{name}.sum`, whose unit is multiplied by seconds;
/// `vs` and `vd` are no metrics. Units become the usual ones: `Cel` °C, `%RH` and `%EL` %.
package struct SenMLDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .senml }

    /// The newest version of the format that is understood (section 4.4).
    private static let version: Double = 10

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .array(let records) = value else {
            throw .wrongType(what: "the SenML pack", expected: "an array of records", found: value.kind)
        }
        var base = SenMLRecord()
        var pack = SenMLPack(context: context)
        for record in records {
            guard case .object(let members) = record else {
                throw .wrongType(what: "a SenML record", expected: "an object", found: record.kind)
            }
            let fields = try SenMLRecord(members)
            if let version = fields.version, version > Self.version {
                throw .wrongType(what: "the SenML version", expected: "10 or lower", found: version.description)
            }
            base.takeBaseFields(of: fields)
            try pack.add(fields, base: base)
        }
        return try pack.readings()
    }

    /// Whether an array looks like a SenML pack: its first record has a base field, or a name and a value.
    static func isPack(_ elements: [JSONValue]) -> Bool {
        guard case .object(let members)? = elements.first else { return false }
        var hasName = false
        var hasValue = false
        for member in members {
            switch ExactString(member.name) {
            case "bn", "bt", "bu", "bv", "bs", "bver": return true
            case "n": hasName = true
            case "v", "vs", "vb", "vd", "s": hasValue = true
            default: continue
            }
        }
        return hasName && hasValue
    }
}
