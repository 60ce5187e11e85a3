/// One value of a Tasmota message with the place where it stands.
struct TasmotaQuantity {
    /// The object at the top level, such as `AM2301` or `ENERGY`; `nil` for a value outside of any.
    let sensor: String?
    /// The names from there down to the value.
    let path: [String]
    let value: JSONValue
    /// The path in snake case: `ApparentPower` is `apparent_power`.
    let shortName: String

    init(sensor: String?, path: [String], value: JSONValue) {
        self.sensor = sensor
        self.path = path
        self.value = value
        self.shortName = path.map(Self.snakeCase).joined(separator: ".")
    }

    /// Sensor and path as Tasmota writes them: `AM2301.Temperature`.
    var fullName: String {
        ((sensor.map { [$0] } ?? []) + path).joined(separator: ".")
    }

    /// Lower-cased, with `_` where a capitalised word begins inside: `DewPoint` → `dew_point`, `eCO2` → `eco2`.
    private static func snakeCase(_ name: String) -> String {
        let letters = Array(name.unicodeScalars)
        var result = ""
        for (index, letter) in letters.enumerated() {
            let beginsWord =
                index > 0 && index + 1 < letters.count && letter.properties.isUppercase
                && !letters[index - 1].properties.isUppercase && letters[index - 1] != "_"
                && letters[index + 1].properties.isLowercase
            if beginsWord { result += "_" }
            result += letter.properties.lowercaseMapping
        }
        return result
    }
}
