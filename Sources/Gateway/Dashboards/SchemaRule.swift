import Telemetry

/// Something that must hold between the values of an object.
struct SchemaRule: Sendable {
    /// A step down from the object to the value that a problem is about.
    enum Step: Sendable {
        case key(String)
        case index(Int)
    }

    /// What does not hold, and for which value; an empty path is the object itself.
    struct Violation: Sendable {
        var path: [Step]
        var problem: String
    }

    /// The keys that the rule reads. While one of them is missing though it is required, or cannot be used, the rule is
    /// not asked: it would only add to what is known to be wrong.
    var keys: [String]
    var check: @Sendable (_ object: JSONValue) -> [Violation]
}
