import CConfinement
import Glibc

/// How fast the processor's counter runs.
enum TickRate {
  /// Ticks a second, from 30 ms beside the monotonic clock.
  static func measured() -> Double {
    let clock = confinement_kernel_clock(), ticks = confinement_ticks()
    usleep(30_000)
    let nanoseconds = confinement_kernel_clock() - clock, counted = confinement_ticks() &- ticks
    return Double(counted) / Double(max(nanoseconds, 1)) * 1e9
  }
}

/// What Linux says about the caches.
enum CacheSize {
  /// Bytes of the largest cache that one processor sees; 32 MiB when nobody says.
  static var lastLevel: Int {
    for index in [4, 3, 2] {
      guard let file = fopen("/sys/devices/system/cpu/cpu0/cache/index\(index)/size", "r") else { continue }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 32)
      guard fgets(&line, 32, file) != nil else { continue }
      let text = String(decoding: line.prefix { $0 > 32 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasSuffix("K"), let kilobytes = Int(text.dropLast()) { return kilobytes << 10 }
      if text.hasSuffix("M"), let megabytes = Int(text.dropLast()) { return megabytes << 20 }
    }
    return 32 << 20
  }
}
