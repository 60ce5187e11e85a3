extension WebDriver {
    /// Drags with the mouse between two places of an element.
    ///
    /// - Parameters:
    ///   - start: The place as fractions of the element's width and height.
    ///   - modifier: A key of ``Key`` that is held meanwhile.
    package func drag(
        _ element: WebElement, from start: (x: Double, y: Double), to end: (x: Double, y: Double),
        holding modifier: String? = nil
    ) async throws {
        let frame = try await element.frame
        func move(_ share: (x: Double, y: Double)) -> JSON {
            [
                "type": "pointerMove", "x": .number((frame.x + share.x * frame.width).rounded()),
                "y": .number((frame.y + share.y * frame.height).rounded()), "duration": 50,
            ]
        }
        let middle = ((start.x + end.x) / 2, (start.y + end.y) / 2)
        let pointer: [JSON] = [
            move(start), ["type": "pointerDown", "button": 0], move(middle), move(end),
            ["type": "pointerUp", "button": 0],
        ]
        var sources: [JSON] = [
            ["type": "pointer", "id": "mouse", "parameters": ["pointerType": "mouse"], "actions": .array(pointer)]
        ]
        if let modifier {
            let pauses = Array(repeating: JSON.object(["type": "pause"]), count: pointer.count - 1)
            let keys: [JSON] =
                [["type": "keyDown", "value": .string(modifier)]] + pauses
                + [["type": "keyUp", "value": .string(modifier)]]
            sources.append(["type": "key", "id": "keyboard", "actions": .array(keys)])
        }
        try await command("POST", "actions", ["actions": .array(sources)])
    }
}
