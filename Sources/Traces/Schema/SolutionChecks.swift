/// The rules of a solution: fields, paths, entry point, unique paths, entry file, in this order.
enum SolutionChecks {
  typealias Step = ValidationDiagnostic.Step

  static func check(_ solution: Solution) throws(SchemaError) {
    try checkFields(solution)
    try checkWhole(solution)
  }

  private static func checkFields(_ solution: Solution) throws(SchemaError) {
    var found: [ValidationDiagnostic] = []
    func nonEmpty(_ text: String, _ path: Step...) {
      if text.isEmpty { found.append(.init(.stringTooShort, "expected at least one character", path: path)) }
    }
    func tooShort(_ path: Step...) {
      found.append(.init(.tooShort, "expected at least 1 element, found 0", path: path))
    }
    for (field, name) in [("name", solution.name), ("definition", solution.definition), ("author", solution.author)] {
      nonEmpty(name, .member(field))
      if let reason = FileName.problem(with: name) { found.append(.init(.valueError, reason, path: [.member(field)])) }
    }
    let spec = solution.spec
    nonEmpty(spec.language.rawValue, .member("spec"), .member("language"))
    if spec.targetHardware.isEmpty { tooShort(.member("spec"), .member("target_hardware")) }
    nonEmpty(spec.entryPoint, .member("spec"), .member("entry_point"))
    for (i, text) in spec.dependencies.enumerated() {
      nonEmpty(text, .member("spec"), .member("dependencies"), .element(i))
    }
    if solution.sources.isEmpty { tooShort(.member("sources")) }
    for (i, source) in solution.sources.enumerated() {
      nonEmpty(source.path, .member("sources"), .element(i), .member("path"))
      nonEmpty(source.content, .member("sources"), .element(i), .member("content"))
    }
    if !found.isEmpty { throw SchemaError(found) }
  }

  /// Rules about the whole; the first broken one is reported.
  static func checkWhole(_ solution: Solution) throws(SchemaError) {
    for (i, source) in solution.sources.enumerated() {
      if let reason = FileName.problem(withSourcePath: source.path) {
        throw SchemaError(.valueError, reason, path: [.member("sources"), .element(i)])
      }
    }
    try checkEntryPoint(solution.spec.entryPoint)
    var seen: Set<String> = []
    for source in solution.sources where !seen.insert(source.path).inserted {
      throw SchemaError(.valueError, "Duplicate source path \"\(source.path)\"")
    }
    if !seen.contains(solution.spec.entryFile) {
      let paths = solution.sources.map(\.path).joined(separator: ", ")
      throw SchemaError(
        .valueError, "Entry source file \"\(solution.spec.entryFile)\" not found in sources; they are: \(paths)")
    }
  }

  private static func checkEntryPoint(_ entryPoint: String) throws(SchemaError) {
    // Runs of two or more colons: there must be one, of exactly two, with something on both sides.
    let runs = entryPoint.utf8.split(omittingEmptySubsequences: true) { $0 != 0x3A }.map(\.count).filter { $0 > 1 }
    guard runs == [2], !entryPoint.hasPrefix(":"), !entryPoint.hasSuffix(":") else {
      throw SchemaError(
        .valueError, "Invalid entry point format: expected \"path::symbol\", found \"\(entryPoint)\"",
        path: [.member("spec")])
    }
  }
}
