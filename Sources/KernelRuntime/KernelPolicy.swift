/// Which flavors may compute what, best first. Written by the operator; nothing outside the list is ever used.
///
///     default: [swift-fast, cpp, swift]
///     rmsnorm: cpp                          # one operation
///     gemm_q4_1_n576_k576: [swift]          # one definition; wins over its operation
public struct KernelPolicy: Sendable, Hashable {
  /// For operations and definitions that are not listed.
  public var preferred: [KernelFlavor]
  /// By operation (`rmsnorm`) or definition (`rmsnorm_h576`).
  public var overrides: [String: [KernelFlavor]]

  public init(preferred: [KernelFlavor], overrides: [String: [KernelFlavor]] = [:]) {
    (self.preferred, self.overrides) = (preferred, overrides)
  }

  /// Fast Swift, then C++, then plain Swift.
  public static let auto = KernelPolicy(preferred: [.swiftFast, .cpp, .swift])

  /// The flavors for one definition.
  public func flavors(definition: String, operation: String) -> [KernelFlavor] {
    overrides[definition] ?? overrides[operation] ?? preferred
  }
}
