import Tensors
import Traces

/// Turns a `Solution` (a build recipe with its sources) into something callable. One folder a language.
public protocol KernelBuilder: Sendable {
  /// The languages that it builds.
  var languages: [Language] { get }
  /// Whether the tools it needs are on this machine; asked once, its answer kept.
  func availability(on device: Device) -> Availability
  /// Builds, or takes from its cache.
  /// - Throws: `buildFailed` with the compiler's words.
  func build(_ solution: Solution, for definition: Definition, in context: BindContext) throws(KernelError)
    -> any Kernel
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
        return builder.availability(on: context.device)
      },
      build: { definition, context throws(KernelError) in try builder.build(solution, for: definition, in: context) })
  }
}
