extension StringProtocol {
    /// Whether the text begins with a mark that joins whatever stands before it.
    ///
    /// Behind a `/` the two would be one character, which equals no `/`: a name's levels would be others to whoever looks
    /// at characters than to whoever looks at bytes. No name or level may begin so.
    var beginsWithJoiningMark: Bool {
        guard let first = unicodeScalars.first, !first.isASCII else { return false }
        return "/\(first)".count == 1
    }
}
