import Core

/// The result of decoding a payload by one convention, for people who look for the convention of a message.
package struct ConventionTrial: Sendable {
    package let convention: PayloadConvention
    package let result: Result<[DecodedReading], DecodeError>

    /// Decodes the payload by every convention. The topic's device and metric are those of the context.
    package static func all(of payload: [UInt8], context: DecodingContext) -> [ConventionTrial] {
        PayloadConvention.allCases.map { convention in
            let result = Result { () throws(DecodeError) in
                try convention.decoder.decode(payload, context: context)
            }
            return ConventionTrial(convention: convention, result: result)
        }
    }

    /// The readings, such as `kitchen temperature 21.5 °C`, or `no: ` and the reason.
    package var text: String {
        switch result {
        case .success(let readings):
            readings.map { "\($0.device) \($0.metrics.map(\.text).joined(separator: ", "))" }.joined(separator: "; ")
        case .failure(let error): "no: \(error)"
        }
    }

    package var isAccepted: Bool {
        if case .success = result { true } else { false }
    }
}

extension Metric {
    /// Name, value and unit: `temperature 21.5 °C`.
    package var text: String {
        var bytes: [UInt8] = []
        JSONWriter.append(value, to: &bytes)
        return "\(name) \(String(decoding: bytes, as: UTF8.self))\(unit.map { " \($0)" } ?? "")"
    }
}
