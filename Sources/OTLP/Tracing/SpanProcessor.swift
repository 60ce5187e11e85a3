/// Takes the sampled spans that have ended: to export them, to keep them for a page.
package protocol SpanProcessor: Sendable {
    /// Called on whatever thread ended the span, event loops and the MQTT thread among them: quick, and never blocks.
    func onEnd(_ span: SpanData)
}
