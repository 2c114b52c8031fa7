import Benchmarking
import Glibc

/// A line on standard error that is written over as results come; nothing when that is no terminal.
struct BenchmarkProgress {
  private let total: Int, isShown: Bool
  private var done = 0

  init(total: Int) { (self.total, isShown) = (max(total, 1), isatty(STDERR_FILENO) == 1) }

  mutating func show(_ measurement: KernelMeasurement) {
    done += 1
    guard isShown else { return }
    let width = 24, filled = min(width, done * width / total)
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    let text = "\(bar) \(done)/\(total)  \(measurement.definition) \(measurement.solution)"
    Terminal.write("\r\u{1B}[K" + String(text.prefix(110)), to: STDERR_FILENO)
  }

  func finish() { if isShown { Terminal.write("\r\u{1B}[K", to: STDERR_FILENO) } }
}
