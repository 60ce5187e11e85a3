/// Temperature units, for routes that convert °F.
enum Temperature {
    static let celsiusUnit = "°C"
    static let fahrenheitUnit = "°F"

    /// Whether `unit` is a way in which devices write degrees Fahrenheit.
    static func isFahrenheit(_ unit: String) -> Bool {
        switch unit.lowercased() {
        case "°f", "f", "℉", "degf", "fahrenheit": true
        default: false
        }
    }

    /// Rounded to a millionth of a degree, so that 70.7 °F are 21.5 °C and not 21.500000000000004.
    static func celsius(fromFahrenheit fahrenheit: Double) -> Double {
        let celsius = (fahrenheit - 32) / 1.8
        guard celsius.magnitude < 1e9 else { return celsius }
        return (celsius * 1e6).rounded() / 1e6
    }
}
