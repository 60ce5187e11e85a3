import Realtime
import Testing

@testable import WebServer

/// The transitions of a connection's state, as in the table of ``ConnectionState``.
@Suite("Connection state")
struct ConnectionStateTests {
    typealias State = ConnectionState

    private static let frame = State.PeerEnd.closeFrame(code: 1000)
    private static let awaitsPeer = State.closing(.byGateway(.tokenExpired), .awaited)
    private static let ignoresPeer = State.closing(.byGateway(.protocolError), .ignored)
    private static let all: [State] = [
        .open, .finishing(frame), .draining(nil), .draining(frame), awaitsPeer, ignoresPeer,
        .closing(.byClient, .ended(frame)), .closing(.lost, .ended(.halfClosed)), .closed,
    ]

    @Test("Commands start, frames are written and input is decoded only while that makes sense")
    func permissions() {
        #expect(Self.all.map(\.runsCommands) == [true, true, false, false, false, false, false, false, false])
        #expect(Self.all.map(\.allowsWriting) == [true, true, true, true, false, false, false, false, false])
        #expect(Self.all.map(\.decodesInput) == [true, false, true, false, true, false, false, false, false])
        #expect(Self.all.map { $0.peerEnd != nil } == [false, true, false, true, false, false, true, true, false])
    }

    @Test("The end of the peer's input waits for its commands, but not during a shutdown")
    func peerEnds() {
        var state = State.open
        #expect(state.peerEnded(Self.frame, hasCommands: true) == .finishCommands)
        #expect(state == .finishing(Self.frame))
        #expect(state.peerEnded(.halfClosed, hasCommands: true) == .wait)
        #expect(state == .finishing(Self.frame), "the close frame is still answered")
        #expect(state.peerEnded(.halfClosed, hasCommands: false) == .end)
        for var state in [State.open, .closed] { #expect(state.peerEnded(Self.frame, hasCommands: false) == .end) }
        for var state in [State.draining(nil), Self.awaitsPeer, .closed] {
            #expect(state.peerEnded(Self.frame, hasCommands: true) == .end)
        }
    }

    @Test("A close frame is answered once, and only if ours has not been sent")
    func answers() {
        for var state in [State.open, .finishing(Self.frame), .draining(nil), .draining(Self.frame)] {
            #expect(state.end(after: Self.frame) == 1000)
            #expect(state == .closing(.byClient, .ended(Self.frame)))
            #expect(state.end(after: Self.frame) == nil)
        }
        for var state in [State.open, .finishing(.halfClosed), .draining(nil)] {
            #expect(state.end(after: .halfClosed) == nil)
            #expect(state.finish() == .lost)
        }
        for var state in [Self.awaitsPeer, Self.ignoresPeer] {
            #expect(state.end(after: Self.frame) == nil)
            #expect(!state.decodesInput && state.peerEnd == Self.frame)
        }
    }

    @Test("We close once, and remember what has become of the peer's input")
    func closes() {
        var state = State.open
        #expect(state.close(.tokenExpired) == true)
        #expect(state == Self.awaitsPeer)
        #expect(state.close(.protocolError) == false)
        #expect(state == Self.awaitsPeer)
        #expect(state.close(.protocolError, ignoringInput: true) == false, "a violation after our close frame")
        #expect(state == .closing(.byGateway(.tokenExpired), .ignored))
        state = .draining(nil)
        #expect(state.close(.protocolError, ignoringInput: true) == true)
        #expect(state == Self.ignoresPeer)
        for var state in [State.finishing(Self.frame), .draining(Self.frame)] {
            #expect(state.close(.goingAway) == true)
            #expect(state == .closing(.byGateway(.goingAway), .ended(Self.frame)))
        }
    }

    @Test("A shutdown begins only while the connection is open, and keeps the peer's end")
    func drains() {
        for (before, after) in [(State.open, State.draining(nil)), (.finishing(Self.frame), .draining(Self.frame))] {
            var state = before
            #expect(state.drain() == true)
            #expect(state == after)
            #expect(state.drain() == false)
        }
        for var state in Self.all.dropFirst(2) { #expect(state.drain() == false) }
    }

    @Test("A connection is closed once, with the reason of its end")
    func finishes() {
        for (before, reason) in zip(
            Self.all,
            [.lost, .lost, .lost, .lost, .byGateway(.tokenExpired), .byGateway(.protocolError), .byClient, .lost, nil]
                as [State.EndReason?])
        {
            var state = before
            #expect(state.finish() == reason)
            #expect(state == .closed)
            #expect(state.finish() == nil)
        }
        let labels = [State.EndReason.byClient, .lost, .byGateway(.goingAway), .byGateway(.slowClient)].map(\.label)
        #expect(labels == ["by_client", "lost", "going_away", "slow_client"])
    }
}
