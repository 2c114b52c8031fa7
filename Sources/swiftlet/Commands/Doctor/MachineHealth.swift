import FoundationEssentials
import Glibc
import KernelRuntime
import Kernels

/// The processor, its memory and its accelerator.
enum MachineHealth {
  static func lines() -> [HealthLine] { [processor, processors, memory, hugePages, graphicsDriver] }

  private static var processor: HealthLine {
    let set = InstructionSet.allCases.first(where: \.isSupported) ?? .baseline
    let finding = "\(MachineDescription.processor), \(set.rawValue)"
    if set == .baseline {
      return HealthLine(.warning, "processor", finding, fix: "with AVX2 or AVX-512 kernels run several times as fast")
    }
    return HealthLine(.ok, "processor", finding)
  }

  private static var processors: HealthLine {
    let usable = WorkerPool.usableProcessors, all = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return HealthLine(.ok, "processors", "\(usable) usable of \(all)")
  }

  private static var memory: HealthLine {
    let available = Machine.availableMemory
    let finding = "\(inGigabytes(available)) GiB available"
    if available < 1 << 30 {
      return HealthLine(.warning, "memory", finding, fix: "end other programs, or choose a smaller --kv-memory")
    }
    return HealthLine(.ok, "memory", finding)
  }

  private static func inGigabytes(_ bytes: Int) -> Double { (Double(bytes) / Double(1 << 30) * 10).rounded() / 10 }

  /// Weights are advised to lie in huge pages.
  private static var hugePages: HealthLine {
    let file = "/sys/kernel/mm/transparent_hugepage/enabled", subject = "huge pages"
    guard let data = FileManager.default.contents(atPath: file) else {
      return HealthLine(.missing, subject, "this system has no \(file)", fix: "large models run a little slower")
    }
    // "always [madvise] never"
    let words = String(decoding: data, as: UTF8.self).split { " []\n".contains($0) }.map(String.init)
    let chosen = String(decoding: data, as: UTF8.self).split(separator: "[").last?.split(separator: "]").first
    guard let chosen, words.contains(String(chosen)) else {
      return HealthLine(.warning, subject, "\(file) says nothing that is known")
    }
    if chosen == "never" {
      return HealthLine(.warning, subject, "never", fix: "as root: echo madvise > \(file)")
    }
    return HealthLine(.ok, subject, String(chosen))
  }

  private static var graphicsDriver: HealthLine {
    let subject = "NVIDIA driver"
    guard let library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) else {
      return HealthLine(
        .missing, subject, "libcuda.so.1 cannot be loaded", fix: "needed for kernels on a GPU: install the driver")
    }
    defer { dlclose(library) }
    typealias GetVersion = @convention(c) (UnsafeMutablePointer<Int32>) -> Int32
    var version: Int32 = 0
    guard let symbol = dlsym(library, "cuDriverGetVersion"),
      unsafeBitCast(symbol, to: GetVersion.self)(&version) == 0
    else { return HealthLine(.warning, subject, "libcuda.so.1 does not tell its version") }
    return HealthLine(.ok, subject, "for CUDA \(version / 1000).\(version % 1000 / 10)")
  }
}
