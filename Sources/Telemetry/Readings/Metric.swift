/// One measured quantity of a reading: `temperature` 21.5 °C.
package struct Metric: Hashable, Sendable {
    /// The most bytes of UTF-8 that a metric's name may have.
    package static let maximumNameByteCount = 128

    /// The name as the device gives it; nested payloads join their levels with `.`.
    package var name: String
    /// Always finite.
    package var value: Double
    /// The unit as the device or its convention gives it (`°C`, `%`, `hPa`), when there is one.
    package var unit: String?

    package init(name: String, value: Double, unit: String? = nil) {
        self.name = name
        self.value = value
        self.unit = unit
    }
}
