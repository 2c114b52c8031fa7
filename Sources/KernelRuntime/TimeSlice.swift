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
  /// What threads that compute have, 0 for the system's own; nothing before `serveOthers`, or where that changed nothing.
  private static let usual = Atomic<UInt64>(untouched)
  private static let untouched = UInt64.max

  /// The calling thread, and those that it starts, have little to do and are waited for: called as a program starts.
  /// Where the system has no such slices, everything stays as it is.
  public static func serveOthers() {
    guard let slice = now, process_thread_slice(shortest) == 0 else { return }
    // The shortest one was inherited from a program like this.
    usual.store(slice > shortest ? slice : 0, ordering: .relaxed)
  }

  /// The calling thread computes: it has the slice that the program was started with, or the system's own.
  public static func compute() {
    let slice = usual.load(ordering: .relaxed)
    if slice != untouched { _ = process_thread_slice(slice) }
  }

  /// The calling thread's slice in nanoseconds; nil where the system has none that could be set.
  static var now: UInt64? {
    let slice = process_thread_slice_now()
    return slice > 0 ? slice : nil
  }
}
