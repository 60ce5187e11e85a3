import Telemetry

/// What must hold between the keys of a panel, a threshold or a state.
extension DashboardSchema {
    static let aboveOrBelow = SchemaRule(keys: ["above", "below"]) { threshold in
        guard (threshold["above"] == nil) == (threshold["below"] == nil) else { return [] }
        return [.init(path: [], problem: "Exactly one of above and below is needed.")]
    }

    static let unitsNameMetrics = SchemaRule(keys: ["units", "metrics"]) { panel in
        (panel["units"]?.objectValue ?? []).map(\.name).compactMap { name in
            unknownMetric(name, in: panel).map { .init(path: [.key("units"), .key(name)], problem: $0) }
        }
    }

    /// For thresholds and states: an element's `metric` is one of the panel's.
    static func elementsNameMetrics(_ key: String) -> SchemaRule {
        SchemaRule(keys: [key, "metrics"]) { panel in
            (panel[key]?.arrayValue ?? []).enumerated().compactMap { index, element in
                guard let name = element["metric"]?.stringValue, let problem = unknownMetric(name, in: panel) else {
                    return nil
                }
                return .init(path: [.key(key), .index(index), .key("metric")], problem: problem)
            }
        }
    }

    /// A state without a metric is about all of them, so it may not meet another one of its value.
    static let statesDiffer = SchemaRule(keys: ["states"]) { panel in
        let states = panel["states"]?.arrayValue ?? []
        return states.enumerated().compactMap { index, state in
            let isTaken = states[..<index].contains { other in
                let (metric, otherMetric) = (state["metric"], other["metric"])
                return state["value"] == other["value"]
                    && (metric == nil || otherMetric == nil || metric == otherMetric)
            }
            guard isTaken else { return nil }
            return .init(
                path: [.key("states"), .index(index), .key("value")], problem: "This value has a text already.")
        }
    }

    static let minBelowMax = SchemaRule(keys: ["min", "max"]) { panel in
        guard let low = panel["min"]?.numberValue, let high = panel["max"]?.numberValue, low >= high else { return [] }
        return [.init(path: [.key("min")], problem: "min must be less than max.")]
    }

    /// A key that goes with some types of panels only.
    static func onlyFor(_ types: [String], _ key: String) -> SchemaRule {
        SchemaRule(keys: ["type", key]) { panel in
            guard panel[key] != nil, let type = panel["type"]?.stringValue, !types.contains(type) else { return [] }
            let problem = "This key is for panels of type \(types.joined(separator: " and ")) only."
            return [.init(path: [.key(key)], problem: problem)]
        }
    }

    private static func unknownMetric(_ name: String, in panel: JSONValue) -> String? {
        let metrics = (panel["metrics"]?.arrayValue ?? []).compactMap(\.stringValue)
        return metrics.contains(name)
            ? nil : "\"\(name)\" is not one of the panel's metrics: \(metrics.joined(separator: ", "))."
    }
}
