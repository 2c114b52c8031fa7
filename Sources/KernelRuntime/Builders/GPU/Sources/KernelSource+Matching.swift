import Tensors
import Traces

extension KernelSource {
  /// Why a definition is not for this kernel; nil when it is.
  public func refusal(of definition: Definition) -> String? {
    if definition.opType != header.operation { return "computes \(header.operation), not \(definition.opType)" }
    return argumentRefusal(definition) ?? tagRefusal(definition) ?? typeRefusal(definition)
      ?? requirementRefusal(definition)
  }

  /// The same for a target.
  public func refusal(of target: String) -> String? {
    guard let targets = header.targets, !targets.contains(target) else { return nil }
    return "is for \(targets.joined(separator: ", ")) only, not for \(target)"
  }

  private func argumentRefusal(_ definition: Definition) -> String? {
    for (kind, mine, theirs) in [
      ("inputs", header.inputs, definition.inputs.names), ("outputs", header.outputs, definition.outputs.names),
    ] {
      let missing = mine.filter { !$0.isOptional && !theirs.contains($0.name) }.map(\.name)
      let unknown = theirs.filter { name in !mine.contains { $0.name == name } }
      if missing.isEmpty && unknown.isEmpty { continue }
      let list = mine.map { $0.name + ($0.isOptional ? "?" : "") }.joined(separator: ", ")
      return "takes the \(kind) (\(list)), not (\(theirs.joined(separator: ", ")))"
    }
    return nil
  }

  private func tagRefusal(_ definition: Definition) -> String? {
    for tag in MeaningTag.tags(of: definition) where !header.tags.contains(tag.key) {
      return "knows nothing of the tag \(tag.key)" + (tag.value.map { ":\($0)" } ?? "")
    }
    return nil
  }

  private func typeRefusal(_ definition: Definition) -> String? {
    for list in header.types {
      guard let spec = definition.inputs[list.name] ?? definition.outputs[list.name] else { continue }
      if !list.value.contains(spec.dtype) {
        return "takes \(list.name) as \(list.value.map(\.rawValue).joined(separator: ", ")), not \(spec.dtype.rawValue)"
      }
    }
    return nil
  }

  private func requirementRefusal(_ definition: Definition) -> String? {
    for requirement in header.requirements {
      do throws(LaunchExpressionError) {
        if try !requirement.holds({ definition.axes[$0]?.value }) {
          let values = requirement.names.map { "\($0) is \(definition.axes[$0]?.value ?? 0)" }
          return "requires \(requirement.text), and \(values.joined(separator: ", "))"
        }
      } catch {
        return "requires \(requirement.text): \(error.reason)"
      }
    }
    return nil
  }
}
