import JSONText

/// FlashInfer-Bench's dialect to SOL-ExecBench's.
extension SOLDialect {
  static func exportDefinition(_ definition: Definition, _ editor: inout DocumentEditor) throws(SchemaError) {
    if let name = definition.inputs.names.first(where: { definition.axes[$0] != nil }) {
      throw SchemaError(
        .valueError, "SOL-ExecBench refuses an input named like an axis: \"\(name)\"",
        path: [.member("inputs"), .member(name)])
    }
    for field in ["tags", "constraints"] where editor.object[field] != nil {
      editor.lose("SOL-ExecBench has no such member", field)
      editor.object[field] = nil
    }
    for (name, spec) in definition.inputs where spec.isOptional {
      editor.lose("SOL-ExecBench has no optional inputs", "inputs", name)
    }
    for (name, spec) in definition.outputs where spec.param != nil {
      editor.lose("SOL-ExecBench has no outputs in place", "outputs", name)
    }
  }

  static func exportSolution(_ solution: Solution, _ editor: inout DocumentEditor) throws(SchemaError) {
    let languages: [Language: String] = [.python: "pytorch", .triton: "triton", .cuda: "cuda_cpp", .cpp: "cuda_cpp"]
    guard let language = languages[solution.spec.language] else {
      throw SchemaError(
        .enumeration, "SOL-ExecBench does not know the language \(solution.spec.language)",
        path: [.member("spec"), .member("language")])
    }
    let isCompiled = language == "cuda_cpp"
    if isCompiled, solution.spec.binding != .torch {
      throw SchemaError(
        .enumeration, "SOL-ExecBench binds by torch only; this solution is bound by tvm-ffi",
        path: [.member("spec"), .member("binding")])
    }
    guard var spec = editor.object["spec"]?.object else { return }
    spec["language"] = nil
    spec["languages"] = .array([.string(language)])
    if !isCompiled { spec["binding"] = nil }
    let hardware = solution.spec.targetHardware.filter { $0 == "B200" || $0 == "LOCAL" }
    if hardware.count != solution.spec.targetHardware.count {
      editor.lose(
        "\(solution.spec.targetHardware) became LOCAL: SOL-ExecBench knows B200 and LOCAL", "spec", "target_hardware")
    }
    spec["target_hardware"] = .strings(hardware.isEmpty ? ["LOCAL"] : hardware)
    spec["destination_passing_style"] = .bool(solution.spec.destinationPassingStyle)
    editor.object["spec"] = .object(spec)
  }
}
