import Traces

/// An output that is an input changed in place: `in_place:<output>=<input>` in a definition's tags, or `param` in an output.
struct InPlaceOutput: Sendable, Hashable {
  let output: String, input: String

  /// The pairs of a definition, without those that cannot share their memory.
  static func all(of definition: Definition) -> [InPlaceOutput] {
    var pairs: [InPlaceOutput] = []
    for tag in definition.tags where tag.hasPrefix("in_place:") {
      let parts = tag.dropFirst("in_place:".count).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { pairs.append(InPlaceOutput(output: String(parts[0]), input: String(parts[1]))) }
    }
    for (name, spec) in definition.outputs where !pairs.contains(where: { $0.output == name }) {
      if let input = spec.param { pairs.append(InPlaceOutput(output: name, input: input)) }
    }
    return pairs.filter { pair in
      guard let output = definition.outputs[pair.output], let input = definition.inputs[pair.input] else {
        return false
      }
      return output.shape != nil && output.shape == input.shape && output.dtype == input.dtype
    }
  }
}
