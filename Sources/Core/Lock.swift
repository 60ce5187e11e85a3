#if THREAD_SANITIZER && canImport(Glibc)
    import Glibc
#else
    package import Synchronization
#endif

/// A value protected by a lock.
///
/// Hold the lock only briefly, and never across a call that may re-enter: it is not recursive.
///
/// The lock is a `Mutex`, except under ThreadSanitizer, for which `make sanitize` sets `THREAD_SANITIZER`. That tool
/// understands pthread mutexes but not the futex of `Mutex`, and would report every protected access as a race.
///
/// `@unchecked Sendable` is sound because the value is only accessed while the lock is held.
package struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    #if THREAD_SANITIZER && canImport(Glibc)
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>
        private let value: UnsafeMutablePointer<Value>

        package init(_ initialValue: consuming sending Value) {
            mutex = .allocate(capacity: 1)
            mutex.initialize(to: pthread_mutex_t())
            pthread_mutex_init(mutex, nil)
            value = .allocate(capacity: 1)
            value.initialize(to: initialValue)
        }

        deinit {
            value.deinitialize(count: 1)
            value.deallocate()
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }

        package borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value.pointee)
        }
    #else
        @usableFromInline let mutex: Mutex<Value>

        @inlinable
        package init(_ initialValue: consuming sending Value) {
            mutex = Mutex(initialValue)
        }

        /// Calls `body` with exclusive access to the value while the lock is held.
        @inlinable
        package borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            try mutex.withLock(body)
        }
    #endif
}
