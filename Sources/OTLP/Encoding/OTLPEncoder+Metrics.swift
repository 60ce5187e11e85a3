import Core
import Observability
import SwiftProtobuf

extension OTLPEncoder {
    /// Encodes the body of a request to `/v1/metrics`. Counters become monotonic sums; all values are cumulative since
    /// `start`.
    func metrics(_ snapshot: MetricsSnapshot) throws -> [UInt8] {
        try body(
            ProtoExportMetricsServiceRequest.with {
                $0.resourceMetrics = [
                    .with {
                        $0.resource = resource(snapshot.resource)
                        $0.scopeMetrics = [
                            .with {
                                $0.scope = Self.scope
                                $0.metrics = snapshot.families.map { metric($0, snapshot) }
                            }
                        ]
                    }
                ]
            })
    }

    private func metric(_ family: MetricFamily, _ snapshot: MetricsSnapshot) -> ProtoMetric {
        .with {
            $0.name = family.sourceName
            $0.description_p = family.help ?? ""
            $0.unit = family.unit == "seconds" ? "s" : family.unit ?? ""
            switch family.kind {
            case .counter:
                $0.sum = .with {
                    $0.isMonotonic = true
                    $0.aggregationTemporality = .cumulative
                    $0.dataPoints = family.samples.compactMap { number($0, snapshot) }
                }
            case .gauge:
                $0.gauge = .with { $0.dataPoints = family.samples.compactMap { number($0, snapshot) } }
            case .histogram:
                $0.histogram = .with {
                    $0.aggregationTemporality = .cumulative
                    $0.dataPoints = family.samples.compactMap { histogram($0, snapshot) }
                }
            }
        }
    }

    private func number(_ sample: MetricSample, _ snapshot: MetricsSnapshot) -> ProtoNumberDataPoint? {
        guard case .number(let value) = sample.value else { return nil }
        return .with {
            $0.startTimeUnixNano = nanoseconds(snapshot.start)
            $0.timeUnixNano = nanoseconds(snapshot.time)
            $0.asDouble = value
            $0.attributes = pairs(sample.labels)
        }
    }

    private func histogram(_ sample: MetricSample, _ snapshot: MetricsSnapshot) -> ProtoHistogramDataPoint? {
        guard case .histogram(let value) = sample.value else { return nil }
        return .with {
            $0.startTimeUnixNano = nanoseconds(snapshot.start)
            $0.timeUnixNano = nanoseconds(snapshot.time)
            $0.count = value.count
            $0.sum = value.sum
            $0.explicitBounds = value.upperBounds
            // OTLP bucket counts are not cumulative.
            $0.bucketCounts = zip(value.cumulativeCounts, [0] + value.cumulativeCounts).map { $0 - $1 }
            $0.attributes = pairs(sample.labels)
        }
    }

    private func pairs(_ labels: MetricLabels) -> [ProtoKeyValue] {
        labels.pairs.map { pair in
            .with {
                $0.key = pair.sourceName
                $0.value = attributes.text(pair.value)
            }
        }
    }
}
