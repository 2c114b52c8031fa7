import Tensors
import Traces

/// Turns a `Solution` (a build recipe with its sources) into something callable. One folder a language.
public protocol KernelBuilder: Sendable {
  /// The languages that it builds.
  var languages: [Language] { get }
  /// Whether the tools it needs are on this machine; asked once, its answer kept.
  func availability(on device: Device) -> Availability
  /// Whether it can build this very solution: its hardware, binding, calling style and dependencies are looked at, too.
  func availability(of solution: Solution, on device: Device) -> Availability
  /// The part of a build that needs no definition: compiles, loads and finds the symbol. `build` does it, too.
  /// - Throws: `buildFailed` with the compiler's words.
  func compile(_ solution: Solution) throws(KernelError) -> CompiledSolution
  /// Builds, or takes from its cache.
  /// - Throws: `buildFailed` with the compiler's words.
  func build(_ solution: Solution, for definition: Definition, in context: BindContext) throws(KernelError)
    -> any Kernel
}

/// What a compilation left.
public struct CompiledSolution: Sendable, Hashable {
  /// The artifact's file, or the folder of the sources for languages that are not compiled.
  public let path: String
  /// Whether nothing had to be compiled.
  public let isFromCache: Bool
  public init(path: String, isFromCache: Bool) { (self.path, self.isFromCache) = (path, isFromCache) }
}

extension KernelBuilder {
  public func availability(of solution: Solution, on device: Device) -> Availability { availability(on: device) }
}

extension KernelSolution {
  /// A solution that came as data: a JSON file in a trace set.
  public init(_ solution: Solution, builder: any KernelBuilder) {
    self.init(
      operation: "", definition: solution.definition, name: solution.name,
      flavor: KernelFlavor(rawValue: solution.spec.language.rawValue), author: solution.author,
      source: solution.spec.entryPoint,
      isBatchInvariant: nil, needsCompilation: true,
      availability: { definition, context in
        if definition.name != solution.definition { return .unavailable(because: "computes \(solution.definition)") }
        return builder.availability(of: solution, on: context.device)
      },
      build: { definition, context throws(KernelError) in try builder.build(solution, for: definition, in: context) })
  }
}

extension KernelError {
  /// The same error with the names of what was being built, where it has none.
  func about(_ solution: Solution) -> KernelError {
    KernelError(
      code, definition: definition.isEmpty ? solution.definition : definition,
      solution: self.solution ?? solution.name, reason)
  }
}
