/// An element of the page. It becomes stale when the page is reloaded; the driver then reports an error.
package struct WebElement: Sendable {
    let driver: WebDriver
    let id: String

    /// The visible text.
    package var text: String {
        get async throws { try await driver.command("GET", "element/\(id)/text").string ?? "" }
    }

    package var isDisplayed: Bool {
        get async throws { try await driver.command("GET", "element/\(id)/displayed").bool ?? false }
    }

    /// The role exposed to assistive technology.
    package var role: String {
        get async throws { try await driver.command("GET", "element/\(id)/computedrole").string ?? "" }
    }

    /// The name exposed to assistive technology.
    package var accessibleName: String {
        get async throws { try await driver.command("GET", "element/\(id)/computedlabel").string ?? "" }
    }

    package func attribute(_ name: String) async throws -> String? {
        try await driver.command("GET", "element/\(id)/attribute/\(name)").string
    }

    /// Returns a computed style, such as `background-color`.
    package func style(_ name: String) async throws -> String {
        try await driver.command("GET", "element/\(id)/css/\(name)").string ?? ""
    }

    /// Position and size in CSS pixels.
    package var frame: (x: Double, y: Double, width: Double, height: Double) {
        get async throws {
            let rect = try await driver.command("GET", "element/\(id)/rect")
            return (
                rect["x"]?.number ?? 0, rect["y"]?.number ?? 0, rect["width"]?.number ?? 0, rect["height"]?.number ?? 0
            )
        }
    }

    package func click() async throws {
        try await driver.command("POST", "element/\(id)/click")
    }

    /// Types `text` into the element.
    package func type(_ text: String) async throws {
        try await driver.command("POST", "element/\(id)/value", ["text": .string(text)])
    }

    /// Clears a field.
    package func clear() async throws {
        try await driver.command("POST", "element/\(id)/clear")
    }

    /// Returns the element reference, which is stored under the key defined in W3C WebDriver section 12.1.
    static func id(in value: JSON) throws -> String {
        guard let id = value["element-6066-11e4-a52e-4f735466cecf"]?.string else {
            throw WebDriver.Failure(code: "no such element", message: try value.text)
        }
        return id
    }
}
