import KernelRuntime
import Tensors
import Traces

/// What one run of one solution left behind.
struct Execution {
  /// By output name.
  let outputs: [String: Tensor]
  /// Memory that changed and should not have: sentences, empty when all is well.
  let damage: [String]

  /// Runs `solution` alone on guarded copies of the problem's inputs, into poisoned outputs.
  /// - inPlace: outputs that the definition's tags `in_place:<output>=<input>` allow are the inputs themselves.
  init(_ solution: KernelSolution, _ problem: Problem, on stream: CPUStream, inPlace: Bool = false) throws {
    let definition = problem.definition
    let inputs = problem.tensors.mapValues { GuardedTensor(copying: $0) }
    let constantNames = Problem.constantNames(of: definition)
    let library = KernelLibrary(solutions: [solution], policy: KernelPolicy(preferred: [solution.flavor]))
    let kernel = try library.bind(
      definition, constants: inputs.filter { constantNames.contains($0.key) }.mapValues(\.tensor))

    let aliases = inPlace ? Self.aliases(of: definition) : [:]
    var guarded: [String: GuardedTensor] = [:]
    for ((name, spec), shape) in zip(definition.outputs, try definition.outputShapes(axes: problem.axes)) {
      if let input = aliases[name] {
        guarded[name] = inputs[input]
      } else if let shape {
        guarded[name] = GuardedTensor(poisoned: spec.dtype, Shape(shape))
      }
    }
    var arguments: [KernelArgument] = []
    for name in definition.inputs.names where !constantNames.contains(name) {
      if let input = inputs[name] {
        arguments.append(.tensor(input.tensor))
      } else if let scalar = problem.scalars[name] {
        arguments.append(.scalar(scalar))
      }
    }
    for name in definition.outputs.names { if let output = guarded[name] { arguments.append(.tensor(output.tensor)) } }
    try kernel.apply(arguments, on: stream)

    var damage: [String] = []
    for (name, input) in inputs {
      if !input.isIntact { damage.append("bytes around the input \(name) were written") }
      if !aliases.values.contains(name), let before = problem.tensors[name], !sameBits(before, input.tensor) {
        damage.append("the input \(name) was changed")
      }
    }
    for (name, output) in guarded where !output.isIntact {
      damage.append("bytes around the output \(name) were written")
    }
    (outputs, self.damage) = (guarded.mapValues(\.tensor), damage)
  }

  /// Input by output, from the tags `in_place:<output>=<input>`.
  static func aliases(of definition: Definition) -> [String: String] {
    var aliases: [String: String] = [:]
    for tag in definition.tags where tag.hasPrefix("in_place:") {
      let sides = tag.dropFirst("in_place:".count).split(separator: "=")
      if sides.count == 2 { aliases[String(sides[0])] = String(sides[1]) }
    }
    return aliases
  }
}
