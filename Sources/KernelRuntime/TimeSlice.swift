import CProcesses
import Synchronization

/// How long a thread goes on before another may have its processor.
///
/// Threads that compute keep all processors busy, and those that hand tokens to clients have work for microseconds. Where
/// slices are alike, a thread that wakes up waits for the end of a slice of one that computes: up to 3 ms for each token. One
/// with a shorter slice does not (EEVDF, Linux 6.12 and later; Stoica & Abdel-Wahab 1995). The shares stay alike.
public enum TimeSlice {
  /// The shortest slice that Linux knows, in nanoseconds.
  static let shortest: UInt64 = 100_000
  /// What threads had before `serveOthers`; 0 if that was not called, or changed nothing.
  private static let usual = Atomic<UInt64>(0)

  /// The calling thread, and those that it starts, have little to do and are waited for: called as a program starts.
  /// Where the system has no such slices, everything stays as it is.
  public static func serveOthers() {
    guard let slice = now, slice > shortest, process_thread_slice(shortest) == 0 else { return }
    usual.store(slice, ordering: .relaxed)
  }

  /// The calling thread computes: it has the slice that the program was started with.
  public static func compute() {
    let slice = usual.load(ordering: .relaxed)
    if slice > 0 { _ = process_thread_slice(slice) }
  }

  /// The calling thread's slice in nanoseconds; nil where the system has none that could be set.
  static var now: UInt64? {
    let slice = process_thread_slice_now()
    return slice > 0 ? slice : nil
  }
}
