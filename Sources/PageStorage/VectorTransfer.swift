import Glibc

/// Writes many pieces of memory to one place of a file, or reads them from there, with few system calls.
///
/// Short transfers and interrupted calls are continued; a list longer than the system takes in one call is cut.
final class VectorTransfer {
  enum Direction { case write, read }
  enum Outcome {
    case done
    /// The file took or gave no more after so many bytes.
    case ended(Int)
    /// `errno` of the call that failed.
    case failed(Int32)
  }

  /// What moves bytes between pieces and the file: as `pwritev` and `preadv` do, with their result and `errno`.
  typealias Call = (Direction, Int32, UnsafePointer<iovec>, Int32, off_t) -> Int

  /// Pieces handed to the system in one call.
  let limit: Int
  private let vectors: UnsafeMutablePointer<iovec>
  private let call: Call

  init(call: @escaping Call = systemCall) {
    self.call = call
    limit = min(1024, max(16, sysconf(Int32(_SC_IOV_MAX))))
    vectors = .allocate(capacity: limit)
  }

  deinit { vectors.deallocate() }

  static func systemCall(
    _ direction: Direction, _ descriptor: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int32, _ place: off_t
  ) -> Int {
    switch direction {
    case .write: pwritev(descriptor, vectors, count, place)
    case .read: preadv(descriptor, vectors, count, place)
    }
  }

  /// Moves the bytes of `count` regions, one after another, to or from the file's bytes at `offset`.
  ///
  /// A write that would go beyond the process's limit of file sizes is refused here (`EFBIG`): the system would end the
  /// process with a signal.
  func move(
    _ direction: Direction, _ descriptor: Int32, at offset: Int, count: Int, region: (Int) -> UnsafeRawBufferPointer
  ) -> Outcome {
    if direction == .write {
      let total = (0..<count).reduce(0) { $0 &+ region($1).count }
      if !isFileSizeAllowed(offset &+ total) { return .failed(EFBIG) }
    }
    var index = 0, within = 0, moved = 0  // the next byte to move: in which region, where in it, and of all
    while true {
      var filled = 0, at = index, skipped = within
      while at < count, filled < limit {
        let bytes = region(at)
        if let base = bytes.baseAddress, bytes.count > skipped {
          let start = UnsafeMutableRawPointer(mutating: base + skipped)
          vectors[filled] = iovec(iov_base: start, iov_len: bytes.count - skipped)
          filled += 1
        }
        (at, skipped) = (at + 1, 0)
      }
      if filled == 0 { return .done }
      let result = call(direction, descriptor, vectors, Int32(filled), off_t(offset + moved))
      if result < 0 {
        if errno == EINTR { continue }
        return .failed(errno)
      }
      if result == 0 { return .ended(moved) }
      moved += result
      var left = result
      while index < count, left >= region(index).count - within {
        left -= region(index).count - within
        (index, within) = (index + 1, 0)
      }
      within += left
    }
  }
}

/// Whether this process may let a file grow to so many bytes (`RLIMIT_FSIZE`).
func isFileSizeAllowed(_ bytes: Int) -> Bool {
  var limits = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits) == 0 else { return true }
  return bytes >= 0 && UInt64(bytes) <= limits.rlim_cur
}
