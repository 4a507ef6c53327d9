#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Threads of the operating system for work that blocks.
package struct ThreadWorkers: BlockingWorkers {
  package init() {}

  package func makeWorker(named name: String) -> any BlockingWorker {
    ThreadWorker(name: name)
  }
}

/// Work came to a worker that was shut down.
package struct WorkerIsShutDown: Error, Sendable {}

private final class ThreadWorker: BlockingWorker {
  private let queue = WorkQueue()

  init(name: String) {
    // The thread holds the queue, not the worker: a worker that nobody holds any more ends its thread.
    startThread(named: name) { [queue] in
      while let batch = queue.takeAll() {
        for work in batch { work() }
      }
    }
  }

  deinit { queue.close() }

  func submit<T: Sendable>(
    on loop: any Loop, _ work: @escaping @Sendable () throws -> T,
    completion: @escaping @Sendable (Result<T, any Error>) -> Void
  ) {
    let isQueued = queue.add {
      let result = Result { try work() }
      // The loop takes completions that come close together in one turn, and is woken for the first only.
      loop.execute { completion(result) }
    }
    if !isQueued { loop.execute { completion(.failure(WorkerIsShutDown())) } }
  }

  func shutdown() { queue.close() }
}

/// Work for one thread: many add, one takes.
private final class WorkQueue: @unchecked Sendable {
  // `@unchecked`: `work` and `isClosed` are read and written only between lock and unlock of `mutex`. The two pointers
  // are constant, allocated here and freed in `deinit`.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var work: [@Sendable () -> Void] = []
  private var isClosed = false

  init() {
    check(pthread_mutex_init(mutex, nil))
    check(pthread_cond_init(arrival, nil))
  }

  deinit {
    pthread_cond_destroy(arrival)
    pthread_mutex_destroy(mutex)
    arrival.deallocate()
    mutex.deallocate()
  }

  /// - Returns: false, and the work is dropped, after `close`.
  func add(_ item: @escaping @Sendable () -> Void) -> Bool {
    check(pthread_mutex_lock(mutex))
    defer { check(pthread_mutex_unlock(mutex)) }
    if isClosed { return false }
    work.append(item)
    // The thread sleeps only on an empty queue.
    if work.count == 1 { check(pthread_cond_signal(arrival)) }
    return true
  }

  /// Waits for work and takes all of it; nil when the queue is closed and empty.
  func takeAll() -> [@Sendable () -> Void]? {
    check(pthread_mutex_lock(mutex))
    defer { check(pthread_mutex_unlock(mutex)) }
    while work.isEmpty {
      if isClosed { return nil }
      check(pthread_cond_wait(arrival, mutex))
    }
    defer { work.removeAll() }
    return work
  }

  func close() {
    check(pthread_mutex_lock(mutex))
    isClosed = true
    check(pthread_cond_signal(arrival))
    check(pthread_mutex_unlock(mutex))
  }
}

/// The calls above fail only on a mutex or condition that was never made or is held wrongly: a defect here.
private func check(_ result: Int32) {
  precondition(result == 0, "pthread call failed with errno \(result)")
}

/// Starts a detached thread.
private func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
  final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  let start = Unmanaged.passRetained(Start(name: name, body: body))
  var thread = pthread_t()
  let result = pthread_create(
    &thread, nil,
    { argument in
      guard let argument else { return nil }
      let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
      nameThisThread(start.name)
      start.body()
      return nil
    }, start.toOpaque())
  precondition(result == 0, "no thread for \(name): errno \(result)")
  pthread_detach(thread)
}

/// Tells the kernel the thread's name, for `top -H` and debuggers. It keeps 15 bytes of it. (glibc hides
/// `pthread_setname_np` from Swift.) A thread without a name works as well.
private func nameThisThread(_ name: String) {
  guard let file = try? PosixFile(opening: "/proc/thread-self/comm", flags: O_WRONLY) else { return }
  // Not at an offset, which this file does not take.
  _ = Array(name.utf8.prefix(15)).withUnsafeBytes { write(file.descriptor, $0.baseAddress, $0.count) }
}
