import Glibc
import Testing

@testable import KernelRuntime

@Suite struct TimeSliceTests {
  @Test(
    "threads that a program starts have short slices, those that compute the usual one",
    .enabled(if: TimeSliceTests.canSet, "this system has no time slices that can be set"))
  func slices() throws {
    // On a thread of its own, so that no other test has a short slice.
    let found = onThread {
      let usual = TimeSlice.now
      TimeSlice.serveOthers()
      let own = TimeSlice.now
      let started = onThread { TimeSlice.now }
      let computing = onThread {
        TimeSlice.compute()
        return TimeSlice.now
      }
      // As in a program that one like this has started.
      let inherited = onThread {
        TimeSlice.serveOthers()
        TimeSlice.compute()
        return TimeSlice.now
      }
      return [usual, own, started, computing, inherited]
    }
    #expect(found == [found[0], TimeSlice.shortest, TimeSlice.shortest, found[0], found[0]])
    #expect(try #require(found[0]) > TimeSlice.shortest)
  }

  /// Whether a thread that takes the shortest slice has it then: Linux 6.12 and later.
  static var canSet: Bool {
    onThread {
      TimeSlice.serveOthers()
      return TimeSlice.now == TimeSlice.shortest
    }
  }
}

/// What the body gives on a new thread, which inherits the slice of the calling one.
private func onThread<Result>(_ body: @escaping () -> Result) -> Result {
  var result: Result?
  let call = ThreadCall { result = body() }
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { argument in
      Unmanaged<ThreadCall>.fromOpaque(argument!).takeUnretainedValue().run()
      return nil
    }, Unmanaged.passUnretained(call).toOpaque())
  precondition(code == 0, "no thread could be started: \(code)")
  pthread_join(thread, nil)
  return withExtendedLifetime(call) { result! }
}

private final class ThreadCall {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}
