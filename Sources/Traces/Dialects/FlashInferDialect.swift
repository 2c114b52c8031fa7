import JSONText

/// FlashInfer's own dialect, to and from FlashInfer-Bench's.
enum FlashInferDialect {
  static func convertDefinition(_ editor: inout DocumentEditor) throws(SchemaError) {
    try editor.edit("axes") { editor, name, axis in
      guard axis["type"]?.string == "const", axis["value"] == nil else { return axis }
      editor.lose("a constant axis without value became a variable one", "axes", name)
      var axis = axis
      axis["type"] = .string("var")
      return axis
    }
    let inputs = editor.object["inputs"]?.object
    for field in ["inputs", "outputs"] {
      try editor.edit(field) { editor, name, spec throws(SchemaError) in
        if field == "outputs", inputs?[name] != nil {
          editor.lose("an output that repeats an input was left out: the input is written in place", field, name)
          return nil
        }
        return try convertType(spec, field, name, &editor)
      }
    }
    for field in ["init", "check"] where editor.object[field] != nil {
      editor.lose("kept, and ignored by FlashInfer-Bench", field)
    }
    try convertReference(&editor)
  }

  /// Types that FlashInfer-Bench lacks: indices of unknown type become int32, unsigned ones signed.
  static func convertType(
    _ spec: JSONObject, _ field: String, _ name: String, _ editor: inout DocumentEditor
  ) throws(SchemaError) -> JSONObject {
    let replacements = ["unknown": "int32", "uint8": "int8", "uint32": "int32", "float4_e2m1fn_x2": "float4_e2m1"]
    guard let dtype = spec["dtype"]?.string else { return spec }
    if dtype == "float64" {
      let path: [ValidationDiagnostic.Step] = [.member(field), .member(name), .member("dtype")]
      throw SchemaError(
        .enumeration, "FlashInfer-Bench has no float64, and nothing that could stand for it", path: path)
    }
    guard let replacement = replacements[dtype] else { return spec }
    editor.lose("the type \(dtype) became \(replacement)", field, name, "dtype")
    var spec = spec
    spec["dtype"] = .string(replacement)
    return spec
  }

  /// FlashInfer's references keep their own name; FlashInfer-Bench wants `run`.
  private static func convertReference(_ editor: inout DocumentEditor) throws(SchemaError) {
    guard let reference = editor.object["reference"]?.string else { return }
    do throws(PythonSyntaxError) {
      let functions = try PythonModule(tokenizing: reference).functions
      if functions.contains("run") { return }
      let named = functions.filter { $0.hasSuffix("_reference") }
      guard let only = functions.count == 1 ? functions.first : named.count == 1 ? named.first : nil else { return }
      editor.object["reference"] = .string(try PythonModule.renaming(only, to: "run", in: reference))
      editor.lose("the reference function \(only) was renamed to run", "reference")
    } catch {
      // The definition's own check reports it.
    }
  }

  static func convertSolution(_ editor: inout DocumentEditor) {
    var spec = editor.object["spec"]?.object ?? JSONObject()
    let languages = ["cutedsl": "python", "cutile": "python", "cutlass": "cuda"]
    if let language = spec["language"]?.string, let replacement = languages[language] {
      editor.lose("the language \(language) became \(replacement)", "spec", "language")
      spec["language"] = .string(replacement)
    }
    if spec["destination_passing_style"] == nil {
      editor.lose(
        "not set: false, the default of FlashInfer's dialect, is now written out", "spec", "destination_passing_style")
      spec["destination_passing_style"] = .bool(false)
    }
    if editor.object["spec"]?.object != nil { editor.object["spec"] = .object(spec) }
    guard let sources = editor.object["sources"]?.array else { return }
    editor.object["sources"] = .array(
      sources.map { source in
        guard var object = source.object, object["content"]?.string == "" else { return source }
        editor.lose("an empty source became one line break: FlashInfer-Bench wants content", "sources")
        object["content"] = .string("\n")
        return .object(object)
      })
  }

  static func exportSolution(_ solution: Solution, _ editor: inout DocumentEditor) {
    if var spec = editor.object["spec"]?.object {
      // The default differs: always say it.
      spec["destination_passing_style"] = .bool(solution.spec.destinationPassingStyle)
      editor.object["spec"] = .object(spec)
    }
    if solution.spec.language == .swift {
      editor.lose("FlashInfer does not know the language swift", "spec", "language")
    }
    let other = solution.spec.targetHardware.filter { !$0.hasPrefix("sm") }
    if !other.isEmpty {
      editor.lose(
        "FlashInfer expects names like sm100, not \(other.joined(separator: ", "))", "spec", "target_hardware")
    }
  }
}
