import Tensors
import Traces

/// An output that may be written over an input: `in_place:output=hidden_states` in a definition's tags, or `param` in an
/// output's specification.
struct InPlacePair: Sendable, Hashable {
  let output: String, input: String

  /// The pairs whose two tensors have the same type and shape; others cannot share memory.
  static func pairs(of definition: Definition) -> [InPlacePair] {
    let tagged = definition.tags.compactMap { tag -> InPlacePair? in
      guard tag.hasPrefix("in_place:"), let equals = tag.firstIndex(of: "=") else { return nil }
      return InPlacePair(
        output: String(tag[tag.index(tag.startIndex, offsetBy: 9)..<equals]),
        input: String(tag[tag.index(after: equals)...]))
    }
    let declared = definition.outputs.compactMap { output in
      output.value.param.map { InPlacePair(output: output.name, input: $0) }
    }
    var found: [InPlacePair] = []
    for pair in tagged + declared {
      guard let output = definition.outputs[pair.output], let input = definition.inputs[pair.input],
        output.shape == input.shape, output.dtype == input.dtype,
        !found.contains(where: { $0.output == pair.output || $0.input == pair.input })
      else { continue }
      found.append(pair)
    }
    return found
  }
}

/// Inputs that are handed over when a kernel is bound: weights in a model file's format.
enum ConstantInputs {
  /// Of definitions tagged `weight_format:…`: `B` and `bias` of a gemm, `weight` of an embedding.
  static func names(of definition: Definition) -> [String] {
    guard definition.tags.contains(where: { $0.hasPrefix("weight_format:") }) else { return [] }
    return definition.inputs.names.filter { ["B", "bias", "weight"].contains($0) }
  }

  /// The definition and the workload without them: for making the other inputs again and again.
  static func removed(from definition: Definition, _ workload: Workload) -> (Definition, Workload) {
    let names = names(of: definition)
    let inputs = OrderedMap(definition.inputs.filter { !names.contains($0.name) }.map { ($0.name, $0.value) })
    guard !names.isEmpty, let rest = try? definition.with(inputs: inputs) else { return (definition, workload) }
    var workload = workload
    for name in names { workload.inputs[name] = nil }
    return (rest, workload)
  }

  /// Zeros in the place of the constants, to ask who can compute a definition. Empty when an axis is variable.
  static func stand(for definition: Definition) -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    for name in names(of: definition) {
      guard let spec = definition.inputs[name], let axes = spec.shape else { continue }
      let shape = axes.compactMap { definition.axes[$0]?.value }
      guard shape.count == axes.count, shape.count <= Shape.maximumRank, shape.allSatisfy({ $0 < 1 << 24 }) else {
        return [:]
      }
      found[name] = Tensor(spec.dtype, Shape(shape))
    }
    return found
  }
}
