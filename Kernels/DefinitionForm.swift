import Tensors
import Traces

/// What a solution expects of a definition: inputs and outputs by name, element type and axes, in order.
///
/// Several definitions of one operation differ in exactly these (float32 with an input `eps` here, bfloat16 without it in
/// the public data set), so a solution compares before it says that it can compute one.
struct DefinitionForm: Sendable {
  let inputs: OrderedMap<TensorSpec>, outputs: OrderedMap<TensorSpec>
  /// Axes whose size must be known at bind.
  let constants: [String]
  /// Keys of tags that change the meaning, and that the solution heeds.
  let heeds: Set<String>

  init(
    inputs: OrderedMap<TensorSpec>, outputs: OrderedMap<TensorSpec>, constants: [String] = [], heeds: Set<String> = []
  ) {
    (self.inputs, self.outputs, self.constants, self.heeds) = (inputs, outputs, constants, heeds)
  }

  /// The form of a definition that the room writes itself; its tags are heeded.
  /// - also: keys of tags that other definitions of this form have.
  init(of definition: Definition, also keys: Set<String> = []) {
    self.init(
      inputs: definition.inputs, outputs: definition.outputs, constants: definition.constAxes.names,
      heeds: keys.union(definition.meaningTags.map(\.key)))
  }

  /// Why a definition is of another form; nil when it is of this one.
  func refusal(of definition: Definition) -> String? {
    for axis in constants where definition.axes[axis]?.value == nil { return "needs a constant axis \(axis)" }
    if let tag = definition.meaningTags.first(where: { !heeds.contains($0.key) }) {
      return "computes no definitions with the tag \(tag.key)\(tag.value.isEmpty ? "" : ":" + tag.value)"
    }
    return Self.difference("inputs", inputs, definition.inputs)
      ?? Self.difference("outputs", outputs, definition.outputs)
  }

  /// Why a definition is of none of these forms; nil when it is of one.
  static func refusal(of definition: Definition, among forms: [DefinitionForm]) -> String? {
    let named = forms.filter { $0.inputs.names == definition.inputs.names }
    if named.isEmpty {
      let lists = forms.map { $0.inputs.names.joined(separator: ", ") }
      var unique: [String] = []
      for list in lists where !unique.contains(list) { unique.append(list) }
      return "takes the inputs (\(unique.joined(separator: "), or ("))), not (\(names(definition.inputs)))"
    }
    var reason: String?
    for form in named {
      guard let refusal = form.refusal(of: definition) else { return nil }
      reason = reason ?? refusal
    }
    return reason
  }

  private static func difference(
    _ kind: String, _ expected: OrderedMap<TensorSpec>, _ found: OrderedMap<TensorSpec>
  ) -> String? {
    if expected.names != found.names { return "takes the \(kind) (\(names(expected))), not (\(names(found)))" }
    for ((name, mine), (_, theirs)) in zip(expected, found) {
      if mine.dtype != theirs.dtype {
        return "takes \(name) as \(mine.dtype.rawValue), not \(theirs.dtype.rawValue)"
      }
      if mine.shape != theirs.shape { return "takes \(name) as \(shape(mine)), not \(shape(theirs))" }
    }
    return nil
  }

  private static func names(_ specs: OrderedMap<TensorSpec>) -> String { specs.names.joined(separator: ", ") }
  private static func shape(_ spec: TensorSpec) -> String {
    spec.shape.map { "[\($0.joined(separator: ", "))]" } ?? "a scalar"
  }
}
