/// What a process opens the database for: how much it may do to a file that a gateway may be serving.
enum DatabaseRole {
    /// Makes it, brings it up to date, and empties its log.
    case gateway
    /// Makes it when there is none; one that is there must be up to date, and its log is the gateway's.
    case writingTool
    /// Changes nothing.
    case readingTool
}
