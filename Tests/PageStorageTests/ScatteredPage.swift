import Glibc
import TestSupport

/// A page spread over regions of memory of given sizes, as the layers of a KV memory have it.
final class ScatteredPage {
  private let memory: UnsafeMutableRawBufferPointer
  let regions: [UnsafeMutableRawBufferPointer]

  /// Regions with gaps between them, at odd addresses.
  init(_ sizes: [Int], gap: Int = 3) {
    memory = .allocate(byteCount: sizes.reduce(gap) { $0 + $1 + gap }, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
    var at = gap, regions: [UnsafeMutableRawBufferPointer] = []
    for size in sizes {
      regions.append(UnsafeMutableRawBufferPointer(rebasing: memory[at..<at + size]))
      at += size + gap
    }
    self.regions = regions
  }

  convenience init(_ sizes: [Int], random: inout SplitMix) {
    self.init(sizes)
    for region in regions { for i in region.indices { region[i] = UInt8.random(in: 0...255, using: &random) } }
  }

  deinit { memory.deallocate() }

  var sources: [UnsafeRawBufferPointer] { regions.map { UnsafeRawBufferPointer($0) } }
  /// All regions' bytes, one after another.
  var bytes: [UInt8] { regions.flatMap { [UInt8]($0) } }
  /// Whether the bytes between the regions are as they were.
  var gapsAreUntouched: Bool {
    let inside = regions.reduce(0) { $0 + $1.count }
    let touched = memory.count { $0 != 0xEE }
    return touched <= inside && memory.first == 0xEE && memory.last == 0xEE
      && zip(regions, regions.dropFirst()).allSatisfy { a, b in
        guard let from = a.baseAddress.map({ $0 + a.count }), let to = b.baseAddress else { return true }
        return UnsafeRawBufferPointer(start: from, count: to - from).allSatisfy { $0 == 0xEE }
      }
  }
}

/// Names in a folder, without `.` and `..`.
func names(in folder: String) -> [String] {
  var names: [String] = []
  guard let directory = opendir(folder) else { return names }
  defer { closedir(directory) }
  while let entry = readdir(directory) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != ".", name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// All bytes of a file; nil when it cannot be read.
func contents(of path: String) -> [UInt8]? {
  guard let file = fopen(path, "rb") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = [], piece = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
  return bytes
}

/// Files of this process may not grow beyond so many bytes. For exit tests: it cannot be taken back.
func limitFileSize(_ bytes: Int) -> Bool {
  // Whoever started the tests may ignore the signal, and threads of a pool block it.
  signal(SIGXFSZ, SIG_DFL)
  var signals = sigset_t()
  sigemptyset(&signals)
  sigaddset(&signals, SIGXFSZ)
  pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  var limits = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
  return setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits) == 0
}

/// Something that a test took for granted is not so.
struct UnexpectedState: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
