import JSONText

/// SOL-ExecBench's dialect, to FlashInfer-Bench's.
enum SOLDialect {
  static func convertDefinition(_ editor: inout DocumentEditor) throws(SchemaError) {
    if editor.object["op_type"]?.string == nil {
      editor.lose("there is no op_type: \"\(TraceSet.unknownName)\" was written", "op_type")
      editor.object["op_type"] = .string(TraceSet.unknownName)
    }
    for field in ["hf_id", "custom_inputs_entrypoint"] where editor.object[field] != nil {
      editor.lose("kept, and ignored by FlashInfer-Bench", field)
    }
    for field in ["tags", "constraints"] where editor.object[field] != nil {
      editor.lose("SOL-ExecBench ignores this member; it was left out", field)
      editor.object[field] = nil
    }
    try convertAxes(&editor)
    for field in ["inputs", "outputs"] {
      try editor.edit(field) { editor, name, spec throws(SchemaError) in
        var spec = try FlashInferDialect.convertType(spec, field, name, &editor)
        guard let shape = spec["shape"]?.array else { return spec }
        spec["shape"] = .array(shape.map { namedAxis(for: $0, field, name, &editor) })
        return spec
      }
    }
  }

  /// Axes that are expressions become constants where they can be computed, else variables with a constraint.
  private static func convertAxes(_ editor: inout DocumentEditor) throws(SchemaError) {
    var known: [String: Int] = [:]
    for (name, axis) in DialectDetection.members(editor.object["axes"]) {
      if let value = axis["value"]?.int, axis["type"]?.string != "var" { known[name] = value }
    }
    var constraints: [JSONValue] = []
    try editor.edit("axes") { editor, name, axis throws(SchemaError) in
      guard axis["type"]?.string == "expr" else { return axis }
      let path: [ValidationDiagnostic.Step] = [.member("axes"), .member(name), .member("expression")]
      guard let text = axis["expression"]?.string else {
        throw SchemaError(.missing, "an expression axis needs an expression", path: path)
      }
      let expression: PythonExpression
      do throws(PythonSyntaxError) {
        expression = try PythonExpression(parsing: text)
      } catch {
        throw SchemaError(.valueError, "\"\(text)\": \(error)", path: path)
      }
      var axis = axis
      axis["expression"] = nil
      do throws(ExpressionError) {
        let value = try expression.axisValue(axes: known)
        known[name] = value
        axis["type"] = .string("const")
        axis["value"] = .int(value)
        editor.lose("the expression \(text) became the constant \(value)", "axes", name)
      } catch {
        guard error.code == .unknownName else { throw SchemaError(.valueError, "\"\(text)\": \(error)", path: path) }
        axis["type"] = .string("var")
        constraints.append(.string("\(name) == \(text)"))
        editor.lose("the expression \(text) became a constraint: the axis is now given by each workload", "axes", name)
      }
      return axis
    }
    if !constraints.isEmpty { editor.object["constraints"] = .array(constraints) }
  }

  /// A number in a shape becomes a constant axis.
  private static func namedAxis(
    for entry: JSONValue, _ field: String, _ name: String, _ editor: inout DocumentEditor
  ) -> JSONValue {
    guard let text = entry.string, DialectDetection.isDigits(text), let value = Int(text) else { return entry }
    let axis = "size_\(value)"
    if var axes = editor.object["axes"]?.object, axes[axis] == nil {
      axes[axis] = .object(JSONObject([("type", .string("const")), ("value", .int(value))]))
      editor.object["axes"] = .object(axes)
    }
    editor.lose("the size \(text) became the constant axis \(axis)", field, name, "shape")
    return .string(axis)
  }

  static func convertWorkload(_ editor: inout DocumentEditor) throws(SchemaError) {
    try editor.edit("inputs") { editor, name, input in
      guard input["type"]?.string == "custom" else { return input }
      editor.lose("a generated input became a random one: FlashInfer-Bench has no generators", "inputs", name)
      var input = input
      input["type"] = .string("random")
      return input
    }
    if editor.object["tolerance"] != nil { editor.lose("kept, and ignored by FlashInfer-Bench", "tolerance") }
  }

  static func convertTrace(_ editor: inout DocumentEditor) throws(SchemaError) {
    if let workload = editor.object["workload"] {
      var inner = try DocumentEditor(workload)
      try convertWorkload(&inner)
      editor.object["workload"] = .object(inner.object)
      for loss in inner.losses { editor.lose(loss.reason, "workload", loss.pathText) }
    }
    guard var evaluation = editor.object["evaluation"]?.object else { return }
    if let status = evaluation["status"]?.string, ["INVALID_REFERENCE", "REWARD_HACK"].contains(status) {
      editor.lose("the status \(status) became RUNTIME_ERROR, without figures", "evaluation", "status")
      evaluation["status"] = .string(Evaluation.Status.runtimeError.rawValue)
      evaluation["correctness"] = .null
      evaluation["performance"] = .null
    }
    if var correctness = evaluation["correctness"]?.object {
      let special =
        correctness["has_nan"]?.bool == true ? Double.nan : correctness["has_inf"]?.bool == true ? .infinity : 0
      if special != 0 {
        editor.lose("the errors of an output with NaN or infinity became \(special)", "evaluation", "correctness")
        correctness["max_relative_error"] = .trace(special)
        correctness["max_absolute_error"] = .trace(special)
        evaluation["correctness"] = .object(correctness)
      }
    }
    editor.object["evaluation"] = .object(evaluation)
  }

  static func convertSolution(_ editor: inout DocumentEditor) throws(SchemaError) {
    guard var spec = editor.object["spec"]?.object else { return }
    let names = [
      "pytorch": "python", "triton": "triton", "cute_dsl": "python", "cutile": "python", "cudnn_frontend": "python",
      "cutlass": "cuda", "cudnn": "cuda", "cublas": "cuda", "cuda_cpp": "cuda",
    ]
    let languages = spec["languages"]?.array?.compactMap(\.string) ?? []
    guard let first = languages.first, let language = names[first] else {
      throw SchemaError(
        .enumeration, "expected one of \(names.keys.sorted()), found \(languages)",
        path: [.member("spec"), .member("languages")])
    }
    if languages.count > 1 || language != first {
      editor.lose("the languages \(languages) became \(language)", "spec", "languages")
    }
    spec["languages"] = nil
    spec["language"] = .string(language)
    if spec["compile_options"] != nil {
      editor.lose("kept, and ignored by FlashInfer-Bench", "spec", "compile_options")
    }
    editor.object["spec"] = .object(spec)
  }
}
