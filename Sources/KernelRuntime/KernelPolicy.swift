/// Which solutions may compute what, and by what they are chosen. Written by the operator; nothing outside the lists is
/// ever used.
///
///     default: [swift-fast, cpp, swift]
///     select: fastest                       # by measurements; without it a list is followed as it stands
///     rmsnorm: cpp                          # one operation
///     gemm_q4_1_n576_k576: [swift]          # one definition; wins over its operation
///     gqa_paged@decode: my_attention        # one kind of step; a solution by its name
///     gemm@layer0-3: swift                  # some layers
///     rope: [measured, cpp, swift]          # not the first of these, but the fastest, by measurements
public struct KernelPolicy: Sendable, Hashable {
  /// For operations and definitions that are not listed: flavors or names of solutions.
  public var preferred: [KernelFlavor]
  /// By operation (`rmsnorm`) or definition (`rmsnorm_h576`), with `@decode`, `@prefill`, `@layer3` or `@layer0-3`
  /// appended for a part of the calls.
  public var overrides: [String: [KernelFlavor]]
  /// For what `overrides` does not name.
  public var selection: Selection
  public var hardware: HardwareScope
  public var shapes: ShapeRule

  /// A list that is followed as it stands, unless another selection is given.
  public init(
    preferred: [KernelFlavor], overrides: [String: [KernelFlavor]] = [:], selection: Selection = .listed,
    hardware: HardwareScope = .own, shapes: ShapeRule = ShapeRule()
  ) {
    (self.preferred, self.overrides, self.selection) = (preferred, overrides, selection)
    (self.hardware, self.shapes) = (hardware, shapes)
  }

  /// All languages; the fastest batch-invariant solution that was measured here, or, where nothing was measured, fast
  /// Swift, then C++, then plain Swift.
  public static let auto = KernelPolicy(
    preferred: [.swiftFast, .cpp, .swift, .cuda, .triton, .tilelang, .python], selection: .batchInvariant)

  /// The flavors for one definition, in a layer and a kind of step when that is known.
  public func flavors(
    definition: String, operation: String, layer: Int? = nil, phase: KernelPhase? = nil
  ) -> [KernelFlavor] {
    (override(definition, operation, layer, phase) ?? preferred).filter { $0 != .measured }
  }

  /// Whether the operator's list decides, and not measurements.
  func isListed(definition: String, operation: String, layer: Int?, phase: KernelPhase?) -> Bool {
    guard let flavors = override(definition, operation, layer, phase) else { return selection == .listed }
    return !flavors.contains(.measured)
  }

  /// Kinds of step that some line about this definition tells apart.
  func phases(definition: String, operation: String) -> [KernelPhase] {
    KernelPhase.allCases.filter { phase in
      [definition, operation].contains { overrides["\($0)@\(phase.rawValue)"] != nil }
    }
  }

  /// The most special line: the definition before its operation, a layer before a kind of step before all.
  private func override(
    _ definition: String, _ operation: String, _ layer: Int?, _ phase: KernelPhase?
  ) -> [KernelFlavor]? {
    for name in [definition, operation] {
      if let layer,
        let key = overrides.keys.sorted().first(where: { Self.layers(of: $0, name)?.contains(layer) == true })
      {
        return overrides[key]
      }
      if let phase, let flavors = overrides["\(name)@\(phase.rawValue)"] { return flavors }
      if let flavors = overrides[name] { return flavors }
    }
    return nil
  }

  /// The layers that a key `<name>@layer<a>` or `<name>@layer<a>-<b>` is about.
  private static func layers(of key: String, _ name: String) -> ClosedRange<Int>? {
    guard key.hasPrefix(name + "@") else { return nil }
    return layers(String(key.dropFirst(name.count + 1)))
  }

  /// Reads `layer3` or `layer0-3`.
  static func layers(_ text: String) -> ClosedRange<Int>? {
    guard text.hasPrefix("layer") else { return nil }
    let ends = text.dropFirst(5).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last else {
      return nil
    }
    return first...last
  }

  /// A key of `overrides` in its parts: what it is about, and for which part of the calls.
  /// - Throws: a sentence when the part after `@` is unknown.
  static func split(_ key: String) throws(KernelError) -> (name: String, part: String?) {
    guard let at = key.firstIndex(of: "@") else { return (key, nil) }
    let part = String(key[key.index(after: at)...])
    guard KernelPhase(rawValue: part) != nil || layers(part) != nil else {
      throw KernelError(.invalidPolicy, "\(key): after @ stands decode, prefill, layer<number> or layer<first>-<last>")
    }
    return (String(key[..<at]), part)
  }
}
