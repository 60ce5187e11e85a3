/// What a member of a JSON reading is for, by its name.
enum JSONMemberRole {
    case metric
    case time
    case value
    case values
    case device
    case traceparent
    case tracestate

    /// Compares by length first: this runs for every member of every message, and most are metrics.
    @inline(__always)
    init(of name: String) {
        switch name.utf8.count {
        case 2: self = name == "ts" ? .time : .metric
        case 4: self = name == "time" ? .time : .metric
        case 5: self = name == "value" ? .value : .metric
        case 6: self = name == "values" ? .values : name == "device" ? .device : .metric
        case 9: self = name == "timestamp" ? .time : .metric
        case 10: self = name == "tracestate" ? .tracestate : .metric
        case 11: self = name == "traceparent" ? .traceparent : .metric
        default: self = .metric
        }
    }
}
