import KernelRuntime
import Tensors
import Traces

/// What one run of one kernel left behind.
public struct ConformanceRun {
  /// By name, contiguous, on the CPU.
  public let outputs: [String: Tensor]
  /// Memory that changed and should not have: sentences.
  public let damage: [String]

  /// Runs a kernel on copies of a call's inputs, into outputs that hold 0xFF.
  /// - constants: inputs that were handed over at bind.
  /// - isGuarded: false gives each tensor an allocation of its own, for a sanitizer to watch.
  /// - Throws: what the kernel or the device throws.
  public init(
    _ kernel: BoundKernel, _ call: ConformanceCall, constants: Set<String> = [], isGuarded: Bool = true,
    on device: any ConformanceDevice
  ) throws(KernelError) {
    let definition = call.definition, aliases = call.workload.isInPlace ? definition.inPlaceInputs : [:]
    func gap(_ name: String, _ shape: Shape) -> Int {
      guard call.workload.isApart, let unit = definition.apartUnit(of: name, shape) else { return 0 }
      return unit
    }
    var inputs: [String: GuardedArgument] = [:], arguments: [KernelArgument] = []
    for (name, spec) in definition.inputs where !constants.contains(name) {
      if let tensor = call.tensors[name] {
        let guarded = try GuardedArgument(
          tensor, spec.dtype, tensor.shape, gap: gap(name, tensor.shape), isGuarded: isGuarded, on: device)
        inputs[name] = guarded
        arguments.append(.tensor(guarded.tensor))
      } else {
        arguments.append(.scalar(call.scalars[name] ?? 0))
      }
    }
    let outputs = try Self.outputs(call, aliases, inputs, isGuarded: isGuarded, on: device, gap: gap)
    arguments += outputs.map { .tensor($0.argument.tensor) }
    try kernel.apply(arguments, on: device.stream)

    for input in inputs.values { try input.download(from: device) }
    for (name, output) in outputs where aliases[name] == nil { try output.download(from: device) }
    var damage: [String] = []
    for name in definition.inputs.names {
      guard let input = inputs[name] else { continue }
      let isOutput = aliases.values.contains(name)
      if let place = input.damage(isInput: !isOutput) {
        damage.append("byte \(place) of the \(isOutput ? "output" : "input") \(name) was changed")
      }
    }
    for (name, output) in outputs where aliases[name] == nil {
      if let place = output.damage(isInput: false) { damage.append("byte \(place) of the output \(name) was changed") }
    }
    self.outputs = Dictionary(uniqueKeysWithValues: outputs.map { ($0.name, $0.argument.content) })
    self.damage = damage
  }

  private static func outputs(
    _ call: ConformanceCall, _ aliases: [String: String], _ inputs: [String: GuardedArgument], isGuarded: Bool,
    on device: any ConformanceDevice, gap: (String, Shape) -> Int
  ) throws(KernelError) -> [(name: String, argument: GuardedArgument)] {
    let shapes: [Shape?]
    do {
      shapes = try CallShapes(call.definition, call.axes, byteLimit: .max).outputs
    } catch { throw KernelError(.runFailed, definition: call.definition.name, "\(error)") }
    var outputs: [(name: String, argument: GuardedArgument)] = []
    for ((name, spec), shape) in zip(call.definition.outputs, shapes) {
      if let input = aliases[name].flatMap({ inputs[$0] }) {
        outputs.append((name, input))
      } else {
        let shape = shape ?? []
        let argument = try GuardedArgument(
          nil, spec.dtype, shape, gap: gap(name, shape), isGuarded: isGuarded, on: device)
        outputs.append((name, argument))
      }
    }
    return outputs
  }
}

extension Definition {
  /// Inputs by output, from the tags `in_place:<output>=<input>`.
  var inPlaceInputs: [String: String] {
    var found: [String: String] = [:]
    for tag in tags where tag.hasPrefix("in_place:") {
      let sides = tag.dropFirst("in_place:".count).split(separator: "=")
      if sides.count == 2 { found[String(sides[0])] = String(sides[1]) }
    }
    return found
  }

  /// How far apart a check lays neighbours of an argument's outermost axis, in elements beyond a contiguous tensor's; nil
  /// where the definition wants them next to each other. Such that pages and rows stay aligned to 16 bytes.
  fileprivate func apartUnit(of name: String, _ shape: Shape) -> Int? {
    guard shape.rank > 1, shape[0] > 0 else { return nil }
    if tags.contains("strided_pages:\(name)") { return shape.count / shape[0] }
    return tags.contains("strided:\(name)") ? 64 : nil
  }
}
