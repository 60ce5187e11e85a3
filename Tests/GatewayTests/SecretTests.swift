import Foundation
import MQTTTransport
import TestSupport
import Testing

@testable import Gateway

/// Secrets are used exactly as given and appear nowhere else.
@Suite("Secrets")
struct SecretTests {
    @Test("No printed setting contains a secret")
    func printed() throws {
        let sources = try SettingsFixture.sources(
            "mqtt: {password: pass-word}", environment: ["WINDSOCK_JWT_SECRET": SettingsFixture.secret],
            flags: ["mqtt.url": "mqtt://me:in-url@host"])
        let printed = GatewayConfiguration.printed(sources)
        for secret in [SettingsFixture.secret, "pass-word", "in-url"] { #expect(!printed.contains(secret)) }
        #expect(printed.contains("********"))
        #expect(printed.contains("me:********@host"))
        let configuration = try GatewayConfiguration(sources)
        #expect(!"\(configuration.mqtt)".contains("in-url") && !"\(configuration.mqtt)".contains("pass-word"))
    }

    @Test("A webhook URL is printed without path and query, and an invalid one not at all")
    func webhook() throws {
        for url in ["https://hooks.example/T0/hush?key=hush", "https://me:hush@hooks.example/", "hush"] {
            let printed = GatewayConfiguration.printed(try SettingsFixture.sources(flags: ["webhook.url": url]))
            #expect(!printed.contains("hush"), "\(printed)")
        }
    }

    @Test(
        "A password in a broker URL is masked, even if the URL is invalid",
        arguments: [
            "mqtt://me:hu#sh@host", "mqtt://me:hu sh@host", "mqtt://me:hu%sh@host", "mqtt://me:h@u@sh@host",
            "me:hush@host", "mqtt://me:hush@", "mqtt://me:hu/sh@host:1883",
        ])
    func wrongURL(_ url: String) throws {
        let sources = try SettingsFixture.sources(flags: ["mqtt.url": url])
        let texts = [GatewayConfiguration.printed(sources)] + SettingsFixture.problems(flags: ["mqtt.url": url])
        for text in texts { #expect(!text.contains("sh@") && !text.contains("hu"), "\(text)") }
    }

    @Test(
        "No error contains a secret, not even a YAML error near it",
        arguments: [
            "jwt: {secret: hunter2}", "jwt: {secret: [hunter2]}", "jwt: {secret: {hunter2x: hunter2}}",
            "jwt:\n  secret: \"hunter2\n", "jwt: {secret: hunter2", "jwt:\n  secret: hunter2: x",
            "listen: a:1\nlisten: a:2\njwt: {secret: hunter2}", "jwt: {secret: \"hunter2\\q\"}",
            "mqtt: {password: hunter2}", "mqtt: {url: \"mqtt://me:hunter2@host:99999\"}",
        ])
    func errors(_ yaml: String) {
        let problems = SettingsFixture.problems(yaml)
        #expect(!problems.isEmpty)
        #expect(!problems.joined().contains("hunter2"), "\(problems)")
    }

    @Test("A password keeps its spaces")
    func blanks() throws {
        let configuration = try SettingsFixture.load(
            "mqtt: {username: me}", environment: ["WINDSOCK_MQTT_PASSWORD": " pass word "])
        #expect(configuration.mqtt.password == " pass word ")
    }

    @Test(
        "A secret file holds the secret, without its last line break",
        arguments: ["", "\n", "\r\n"])
    func file(_ ending: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("\n \(SettingsFixture.secret) \(ending)", to: "secret")
        let configuration = try SettingsFixture.load(environment: ["WINDSOCK_JWT_SECRET_FILE": path])
        #expect(configuration.jwtSecret == "\n \(SettingsFixture.secret) ")
    }

    @Test("Of a secret and a secret file, the one from the source with precedence is used")
    func precedence() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("from-the-file-of-secrets-with-enough-bytes", to: "secret")
        let environment = ["WINDSOCK_JWT_SECRET_FILE": path]
        let configuration = try SettingsFixture.load(
            "jwt: {secret: \(SettingsFixture.secret)}", environment: environment)
        #expect(configuration.jwtSecret == "from-the-file-of-secrets-with-enough-bytes")
        let flags = ["jwt.secret": SettingsFixture.secret]
        #expect(
            try SettingsFixture.load(environment: environment, flags: flags).jwtSecret == SettingsFixture.secret)
    }

    @Test("A secret and a secret file in the same source are an error")
    func contradiction() {
        let problems = SettingsFixture.problems(
            "jwt: {secret: \(SettingsFixture.secret), secret_file: /etc/hostname}")
        #expect(problems == ["windsock.yaml:1: jwt.secret_file: jwt.secret is also set; allowed: only one of them"])
    }

    @Test("An unusable secret file is named, with the reason")
    func badFile() throws {
        let folder = try TemporaryFolder()
        let short = try folder.write("too-short\n", to: "short")
        let empty = try folder.write("\n", to: "empty")
        let none = folder.url.path + "/none"
        for (path, words) in [(short, "9 bytes; allowed: at least 32"), (empty, "is empty"), (none, "cannot be read")] {
            let problems = SettingsFixture.problems(environment: ["WINDSOCK_JWT_SECRET_FILE": path])
            #expect(problems.count == 1)
            #expect(
                problems.contains { $0.hasPrefix("WINDSOCK_JWT_SECRET_FILE: ") && $0.contains(words) }, "\(problems)")
            #expect(!problems.joined().contains("too-short"))
        }
    }
}
