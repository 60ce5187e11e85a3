/// The units of Tasmota's quantities: two are told in the message, the others are fixed.
struct TasmotaUnits {
    /// `°C` or `°F`; `nil` when the message does not tell.
    private let temperature: String?
    /// `hPa`, `mmHg` or `inHg`; `nil` when the message does not tell.
    private let pressure: String?

    /// Takes the values of `TempUnit` and `PressureUnit`.
    init(temperature: String?, pressure: String?) {
        self.temperature =
            switch temperature.map(ExactString.init(stringLiteral:)) {
            case "C": Temperature.celsiusUnit
            case "F": Temperature.fahrenheitUnit
            default: temperature
            }
        self.pressure = pressure
    }

    /// The unit of a quantity, when there is one.
    func unit(of quantity: TasmotaQuantity) -> String? {
        guard let name = quantity.path.last else { return nil }
        switch quantity.sensor.map(ExactString.init(stringLiteral:)) {
        case nil: return ExactString(name) == "UptimeSec" ? "s" : nil
        case "ENERGY": return Self.energyUnit(of: name)
        case "Wifi": return ExactString(name) == "Signal" ? "dBm" : ExactString(name) == "RSSI" ? "%" : nil
        default: return unit(ofSensorQuantity: name)
        }
    }

    private func unit(ofSensorQuantity name: String) -> String? {
        switch ExactString(name) {
        case "Temperature", "DewPoint": temperature
        case "Pressure", "SeaPressure": pressure
        case "Humidity": "%"
        case "Illuminance": "lx"
        case "CarbonDioxide", "CO2", "eCO2": "ppm"
        case "TVOC": "ppb"
        case "PM1", "PM2.5", "PM10": "µg/m³"
        case "Distance": "cm"
        default: nil
        }
    }

    private static func energyUnit(of name: String) -> String? {
        switch ExactString(name) {
        case "Total", "Yesterday", "Today": "kWh"
        case "Period": "Wh"
        case "Power": "W"
        case "ApparentPower": "VA"
        case "ReactivePower": "var"
        case "Voltage": "V"
        case "Current": "A"
        case "Frequency": "Hz"
        default: nil
        }
    }
}
