package import Core

/// Topics that differ only in some levels, and what was received on them: `home/+/temp`.
package struct TopicPattern: Sendable {
    /// The levels; `+` stands for those in which the topics differ.
    package let levels: [String]
    package private(set) var topicCount = 0
    package private(set) var liveCount = 0
    package private(set) var retainedCount = 0
    package private(set) var firstAt: Timestamp
    /// The topic with the latest message.
    package private(set) var sample: TopicSampler.Topic

    fileprivate init(levels: [String], topics: [TopicSampler.Topic], sample: TopicSampler.Topic) {
        self.levels = levels
        self.sample = sample
        firstAt = sample.firstAt
        for topic in topics {
            topicCount += 1
            liveCount += topic.liveCount
            retainedCount += topic.retainedCount
            firstAt = min(firstAt, topic.firstAt)
            if topic.lastAt > self.sample.lastAt { self.sample = topic }
        }
    }

    /// The pattern as a subscription filter.
    package var filter: String { levels.joined(separator: "/") }

    /// Messages per minute since the first one, without retained messages; `nil` in the first five seconds, and when
    /// there are fewer than two.
    package func messagesPerMinute(at now: Timestamp) -> Double? {
        let age = now.since(firstAt)
        guard liveCount > 1, age >= .seconds(5) else { return nil }
        return Double(liveCount) / (age / .seconds(60))
    }
}

/// Folding of topics into patterns, from the first level to the last, among topics with the same number of levels.
///
/// A level becomes `+` by one of these rules:
///
/// 1. *Same rest.* At least two topics (three in the first level) differ only in this level: `home/kitchen/temp` and
///    `home/bath/temp`. In the last level this takes three topics with single values, or with JSON if no other level is
///    folded yet.
/// 2. *Same name.* Its text was folded by rule 1 beside the same preceding levels. After the example, `home/bath/hum`
///    becomes `home/+/hum`.
/// 3. *Crowd.* More than ``crowd`` different texts follow the same preceding levels.
///
/// Words in capitals, such as Tasmota's `SENSOR` and `STATE`, are folded only by rule 3: they name kinds of messages.
package struct TopicFolding {
    static let crowd = 32
    private static let wildcard = -1

    /// Topics that have become equal, with their levels as numbers of ``texts``.
    private struct Cell {
        var levels: [Int]
        var topics: [TopicSampler.Topic]
        var kind: PayloadKind
    }

    /// The key of cells that differ only in one level.
    private struct Rest: Hashable {
        var levels: [Int]
        var kind: PayloadKind?
    }

    private var texts: [String] = []
    private var numbers: [ExactString: Int] = [:]

    /// Returns the patterns of the topics, those with the most messages first.
    package static func patterns(of topics: [TopicSampler.Topic]) -> [TopicPattern] {
        var folding = TopicFolding()
        return folding.fold(topics)
    }

    private mutating func fold(_ topics: [TopicSampler.Topic]) -> [TopicPattern] {
        var groups: [Int: [Cell]] = [:]
        for topic in topics {
            let levels = topic.name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                .map { number(of: Substring($0)) }
            let kind = PayloadKind(of: topic.payload, isWhole: topic.isWhole)
            groups[levels.count, default: []].append(Cell(levels: levels, topics: [topic], kind: kind))
        }
        var patterns: [TopicPattern] = []
        for (levelCount, cells) in groups {
            var cells = cells
            for position in 0..<levelCount { cells = fold(cells, at: position) }
            patterns += cells.map { cell in
                TopicPattern(
                    levels: cell.levels.map { $0 == Self.wildcard ? "+" : texts[$0] }, topics: cell.topics,
                    sample: cell.topics[0])
            }
        }
        return patterns.sorted { one, other in
            let (first, second) = (one.liveCount + one.retainedCount, other.liveCount + other.retainedCount)
            return first != second ? first > second : one.filter < other.filter
        }
    }

    private mutating func number(of text: Substring) -> Int {
        let key = ExactString(text)
        if let known = numbers[key] { return known }
        numbers[key] = texts.count
        texts.append(String(text))
        return texts.count - 1
    }

    /// Folds one level of cells that have the same number of levels, and joins the cells that become equal.
    private func fold(_ cells: [Cell], at position: Int) -> [Cell] {
        let isLast = position == cells[0].levels.count - 1
        let heads = cells.map { Array($0.levels[..<position]) }
        let rests = cells.map { rest(of: $0, at: position, isLast: isLast) }
        var followers: [[Int]: Set<Int>] = [:]
        var siblings: [Rest: Set<Int>] = [:]
        for (index, cell) in cells.enumerated() {
            let text = cell.levels[position]
            followers[heads[index], default: []].insert(text)
            if !isCapitals(text) { siblings[rests[index], default: []].insert(text) }
        }
        let hasSiblings = cells.indices.map { index in
            !isCapitals(cells[index].levels[position])
                && siblings[rests[index], default: []].count >= minimum(for: cells[index], at: position, isLast: isLast)
        }
        var names: [[Int]: Set<Int>] = [:]
        if !isLast {
            for (index, cell) in cells.enumerated() where hasSiblings[index] {
                names[heads[index], default: []].insert(cell.levels[position])
            }
        }
        var joined: [[Int]: Int] = [:]
        var result: [Cell] = []
        for (index, original) in cells.enumerated() {
            var cell = original
            let text = cell.levels[position]
            let isCrowded = followers[heads[index], default: []].count > Self.crowd
            if hasSiblings[index] || names[heads[index], default: []].contains(text)
                || isCrowded && !(position == 0 && isReserved(text))
            {
                cell.levels[position] = Self.wildcard
            }
            if let index = joined[cell.levels] {
                result[index].topics += cell.topics
            } else {
                joined[cell.levels] = result.count
                result.append(cell)
            }
        }
        return result
    }

    /// Returns the number of topics with the same rest from which rule 1 applies to a cell.
    private func minimum(for cell: Cell, at position: Int, isLast: Bool) -> Int {
        if position == 0, isReserved(cell.levels[0]) { return .max }
        guard isLast else { return position == 0 ? 3 : 2 }
        switch cell.kind {
        case .value: return 3
        case .object, .array: return cell.levels.contains(Self.wildcard) ? .max : 3
        case .empty, .text, .binary: return .max
        }
    }

    private func rest(of cell: Cell, at position: Int, isLast: Bool) -> Rest {
        var levels = cell.levels
        levels[position] = Self.wildcard
        return Rest(levels: levels, kind: isLast ? cell.kind : nil)
    }

    /// Returns true for a text in capitals, optionally followed by a digit.
    private func isCapitals(_ number: Int) -> Bool {
        var letters = Substring(texts[number]).utf8
        if let last = letters.last, UInt8(ascii: "0")...UInt8(ascii: "9") ~= last { letters.removeLast() }
        return letters.count > 2 && letters.allSatisfy { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 }
    }

    /// Returns true for a first level that no wildcard matches.
    private func isReserved(_ number: Int) -> Bool { texts[number].utf8.first == UInt8(ascii: "$") }
}
