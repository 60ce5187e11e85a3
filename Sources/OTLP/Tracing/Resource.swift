package import Tracing

/// Who made telemetry: the service and whatever else describes it.
///
/// A class, because every span names its own and exporters group by it: identity is enough.
///
/// Source: OpenTelemetry specification, "Resource SDK"; semantic conventions, `service.*`.
package final class Resource: Sendable {
    package let serviceName: String
    /// `service.name` and everything else.
    package let attributes: SpanAttributes

    /// - Parameter attributes: beside `service.name`, which `serviceName` decides.
    package init(serviceName: String, attributes: SpanAttributes = [:]) {
        self.serviceName = serviceName
        var attributes = attributes
        attributes["service.name"] = serviceName
        self.attributes = attributes
    }

    /// The resource of another service in the same process, described alike.
    package func with(serviceName: String) -> Resource {
        Resource(serviceName: serviceName, attributes: attributes)
    }
}
