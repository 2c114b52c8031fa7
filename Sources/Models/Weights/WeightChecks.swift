import Checkpoints

/// Gives each weight its role, and refuses what is missing, misshapen or unknown.
enum WeightChecks {
  static func assign(_ contents: ModelContents) throws(ModelLoadingError) -> [WeightRole: WeightTensor] {
    let configuration = contents.configuration
    var weights: [WeightRole: WeightTensor] = [:]
    var used: Set<String> = []
    for role in WeightRole.all(configuration) {
      let name = contents.weightName(role)
      func failure(_ reason: String) -> ModelLoadingError {
        ModelLoadingError(.badWeight, file: contents.file, subject: "tensor \(name)", reason)
      }
      let shape = role.shape(configuration)
      guard let tensor = contents.tensors[name] else { throw failure("missing; expected shape \(shape)") }
      guard tensor.shape == shape else { throw failure("has shape \(tensor.shape), expected \(shape)") }
      if role.isVector && tensor.format.blockElements > 1 {
        throw failure("is \(tensor.format.rawValue), expected F32, F16 or BF16")
      }
      weights[role] = tensor
      used.insert(name)
    }
    // With tied embeddings a file may still carry the head.
    if configuration.tiesEmbeddings { used.insert(contents.weightName(.outputHead)) }
    let unknown = contents.tensors.keys.filter { !used.contains($0) && !contents.isIgnorable($0) }.sorted()
    if let first = unknown.first {
      let more = unknown.count > 1 ? " (and \(unknown.count - 1) more)" : ""
      throw ModelLoadingError(
        .badWeight, file: contents.file, subject: "tensor \(printable(first))",
        "is not part of the \(configuration.family) architecture as it is supported here\(more)")
    }
    return weights
  }
}
