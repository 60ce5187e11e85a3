import MQTTTransport
import Realtime
import Telemetry

/// One message of a batch, decoded.
struct IngestItem {
    /// What the message was.
    enum Outcome {
        case readings([Reading])
        /// On a status topic; `nil` for one that says nothing.
        case status(StatusReport?)
        case failed(DecodeError)
        /// A device's question, which was answered: only its delivery is stored, so that it is known should it come again.
        case answered
    }

    let message: MQTTMessage
    let outcome: Outcome
    /// Where each of the readings comes from.
    var journeys: [Journey] = []
    /// The trace that the message is part of, for whoever asks why it was not taken.
    var trace: String?
}
