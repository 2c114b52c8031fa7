/// The rules of a definition, in the order in which they are checked.
enum DefinitionChecks {
  typealias Step = ValidationDiagnostic.Step

  /// Rules about single fields; all broken ones are reported together.
  static func checkFields(_ definition: Definition) throws(SchemaError) {
    var found: [ValidationDiagnostic] = []
    func nonEmpty(_ text: String, _ path: Step...) {
      if text.isEmpty { found.append(.init(.stringTooShort, "expected at least one character", path: path)) }
    }
    for (field, name) in [("name", definition.name), ("op_type", definition.opType)] {
      nonEmpty(name, .member(field))
      if let reason = FileName.problem(with: name) { found.append(.init(.valueError, reason, path: [.member(field)])) }
    }
    for (name, axis) in definition.axes {
      nonEmpty(name, .member("axes"), .member(name))
      if let value = axis.value, value < 0 {
        let path: [Step] = [.member("axes"), .member(name), .member("value")]
        found.append(.init(.greaterThanEqual, "expected at least 0, found \(value)", path: path))
      }
    }
    for (field, specs) in [("inputs", definition.inputs), ("outputs", definition.outputs)] {
      for (name, spec) in specs {
        nonEmpty(name, .member(field), .member(name))
        for (i, axis) in (spec.shape ?? []).enumerated() {
          nonEmpty(axis, .member(field), .member(name), .member("shape"), .element(i))
        }
      }
    }
    nonEmpty(definition.reference, .member("reference"))
    for (i, tag) in definition.tags.enumerated() { nonEmpty(tag, .member("tags"), .element(i)) }
    for (i, text) in definition.constraints.enumerated() { nonEmpty(text, .member("constraints"), .element(i)) }
    if !found.isEmpty { throw SchemaError(found) }
  }

  /// Rules about the whole; the first broken one is reported.
  static func checkWhole(_ definition: Definition) throws(SchemaError) {
    try checkReference(definition.reference)
    if let name = definition.inputs.names.first(where: { definition.outputs[$0] != nil }) {
      throw SchemaError(.valueError, "Input and output names must not overlap: \"\(name)\" is both")
    }
    for (i, constraint) in definition.constraints.enumerated() {
      do throws(PythonSyntaxError) {
        _ = try PythonExpression(parsing: constraint)
      } catch {
        throw SchemaError(
          .valueError, "Constraints must be valid Python expressions: constraints[\(i)], \"\(constraint)\": \(error)")
      }
    }
    for (label, specs) in [("Input", definition.inputs), ("Output", definition.outputs)] {
      for (name, spec) in specs {
        for axis in spec.shape ?? [] where definition.axes[axis] == nil {
          throw SchemaError(
            .valueError,
            "\(label) \"\(name)\" references undefined axis \"\(axis)\"; the axes are \(definition.axes.names)")
        }
      }
    }
  }

  /// There is no Python here: the check is that of Python's tokenizer, its block structure and its brackets.
  static func checkReference(_ reference: String) throws(SchemaError) {
    let module: PythonModule
    do throws(PythonSyntaxError) {
      module = try PythonModule(tokenizing: reference)
    } catch {
      throw SchemaError(.valueError, "Reference must be valid Python code (checked by its tokens and blocks): \(error)")
    }
    if !module.functions.contains("run") {
      throw SchemaError(
        .valueError, "Reference must define a top-level function named 'run'; it defines \(module.functions.sorted())")
    }
  }
}
