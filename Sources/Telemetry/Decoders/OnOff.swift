/// The words that devices use for the two values of a switch.
enum OnOff {
    /// 1 for `ON` and `true`, 0 for `OFF` and `false`, in any case; `nil` for every other text.
    static func value(of text: String) -> Double? {
        guard (2...5).contains(text.utf8.count) else { return nil }
        switch text.lowercased() {
        case "on", "true": return 1
        case "off", "false": return 0
        default: return nil
        }
    }
}
