extension OTLPConfiguration {
    private enum SamplerName: String, CaseIterable {
        case alwaysOn = "always_on"
        case alwaysOff = "always_off"
        case ratio = "traceidratio"
        case parentBasedAlwaysOn = "parentbased_always_on"
        case parentBasedAlwaysOff = "parentbased_always_off"
        case parentBasedRatio = "parentbased_traceidratio"
    }

    /// Source: OpenTelemetry specification, "Environment Variable Specification", General SDK configuration.
    static func sampler(from reader: inout EnvironmentReader) -> Sampler {
        guard let name: SamplerName = reader.choice(["OTEL_TRACES_SAMPLER"]) else { return .parentBasedAlwaysOn }
        switch name {
        case .alwaysOn: return Sampler(root: .alwaysOn, isParentBased: false)
        case .alwaysOff: return Sampler(root: .alwaysOff, isParentBased: false)
        case .ratio: return Sampler(root: .ratio(ratio(from: &reader)), isParentBased: false)
        case .parentBasedAlwaysOn: return Sampler(root: .alwaysOn)
        case .parentBasedAlwaysOff: return Sampler(root: .alwaysOff)
        case .parentBasedRatio: return Sampler(root: .ratio(ratio(from: &reader)))
        }
    }

    private static func ratio(from reader: inout EnvironmentReader) -> Double {
        let variable = "OTEL_TRACES_SAMPLER_ARG"
        guard let text = reader.text(variable) else { return 1 }
        if let ratio = Double(text), (0...1).contains(ratio) { return ratio }
        reader.reject(variable, text, allowed: "a number from 0 to 1")
        return 1
    }
}
