import FoundationEssentials
import KernelRuntime
import Traces

/// The builders of this program, and where they keep what they build.
enum KernelBuilding {
  /// What kernels were built into, by content.
  static var defaultCache: String { SwiftletHome.path + "/kernels" }

  /// - cache: another folder for what is built.
  static func builders(cache: String? = nil) -> [any KernelBuilder] {
    KernelBuilders.all(cache: ArtifactCache(root: cache ?? defaultCache), headers: [header])
  }

  /// The solutions of a set as candidates.
  static func solutions(of set: TraceSet, cache: String? = nil) -> [KernelSolution] {
    KernelBuilders.solutions(of: set, builders: builders(cache: cache))
  }

  /// What C++ kernels include; this program carries it.
  private static var header: SourceFile {
    SourceFile(
      path: "swiftlet_kernel.h", content: String(decoding: PackageResources.swiftlet_kernel_h, as: UTF8.self))
  }
}
