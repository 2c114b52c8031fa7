import ArgumentParser
import Benchmarking
import Glibc
import KernelRuntime
import Kernels

/// What `bench kernels` starts for each solution; not for people.
struct KernelWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel-worker", abstract: "Run one foreign kernel, confined, for another process.",
    shouldDisplay: false)

  @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

  func run() throws {
    TimeSlice.compute()
    KernelWorker(solutions: KernelCatalog.solutions, builders: { KernelBuilding.builders() }).main(
      arguments: arguments)
  }

  /// The command that starts this program as a worker.
  /// - Throws: when the program's own path cannot be read.
  static func command() throws -> [String] {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    guard count > 0 else { throw ValidationError("cannot read /proc/self/exe, which names the program to run workers") }
    return [String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self), "kernel-worker"]
  }
}
