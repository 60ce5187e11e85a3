/// The fields of one SenML record that make a value (RFC 8428, section 4).
struct SenMLRecord {
    var baseName: String?
    var baseTime: Double?
    var baseUnit: String?
    var baseValue: Double?
    var baseSum: Double?
    var version: Double?
    var name: String?
    var unit: String?
    var value: Double?
    var boolean: Bool?
    var sum: Double?
    var time: Double?

    /// A record without fields, to gather base fields in.
    init() {}

    /// Reads a record; throws when a field has the wrong type, or is unknown and says by its final `_` that it must be
    /// understood (section 4.4).
    init(_ members: [JSONMember]) throws(DecodeError) {
        for member in members {
            switch ExactString(member.name) {
            case "bn": baseName = try Self.string(member)
            case "bt": baseTime = try Self.number(member)
            case "bu": baseUnit = try Self.string(member)
            case "bv": baseValue = try Self.number(member)
            case "bs": baseSum = try Self.number(member)
            case "bver": version = try Self.number(member)
            case "n": name = try Self.string(member)
            case "u": unit = try Self.string(member)
            case "v": value = try Self.number(member)
            case "s": sum = try Self.number(member)
            case "t": time = try Self.number(member)
            case "vb":
                guard let bool = member.value.boolValue else {
                    throw .wrongType(what: "the SenML field 'vb'", expected: "true or false", found: member.value.kind)
                }
                boolean = bool
            case _ where member.name.utf8.last == UInt8(ascii: "_"):
                throw .wrongType(
                    what: "a SenML field that must be understood", expected: "one of RFC 8428",
                    found: Excerpt(of: member.name).description)
            default: continue
            }
        }
    }

    /// Base fields hold for their record and all that follow, until they come again (section 4.1).
    mutating func takeBaseFields(of record: SenMLRecord) {
        baseName = record.baseName ?? baseName
        baseTime = record.baseTime ?? baseTime
        baseUnit = record.baseUnit ?? baseUnit
        baseValue = record.baseValue ?? baseValue
        baseSum = record.baseSum ?? baseSum
    }

    private static func string(_ member: JSONMember) throws(DecodeError) -> String {
        guard let string = member.value.stringValue else {
            throw .wrongType(
                what: "the SenML field '\(member.name)'", expected: "a string", found: member.value.kind)
        }
        return string
    }

    private static func number(_ member: JSONMember) throws(DecodeError) -> Double {
        guard let number = member.value.numberValue else {
            throw .wrongType(
                what: "the SenML field '\(member.name)'", expected: "a number", found: member.value.kind)
        }
        return number
    }
}
