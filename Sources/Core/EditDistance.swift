/// Suggestions for mistyped words: keys of files, members of request bodies, and commands.
package enum EditDistance {
    /// Returns `did you mean "…"?` with the candidate that was probably meant, or `nil` if there is none.
    package static func hint(for word: String, among candidates: [String]) -> String? {
        nearest(to: word, among: candidates).map { "did you mean \"\($0)\"?" }
    }

    /// Returns the candidate with the smallest edit distance, or `nil` if that is more than about a third of the word's
    /// length and the word is probably not a typo.
    private static func nearest(to word: String, among candidates: [String]) -> String? {
        guard word.utf8.count <= 40 else { return nil }
        let ranked = candidates.map { (name: $0, distance: distance(word, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(1, (word.count + 1) / 3)
        else {
            return nil
        }
        return best.name
    }

    /// Returns the Levenshtein distance: the number of characters to insert, delete or replace.
    private static func distance(_ first: String, _ second: String) -> Int {
        let columns = Array(second)
        var row = Array(0...columns.count)
        for (index, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in columns.indices {
                let substituted = diagonal + (letter == columns[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
            }
        }
        return row[columns.count]
    }
}
