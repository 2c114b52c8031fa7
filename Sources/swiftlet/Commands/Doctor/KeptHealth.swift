import FoundationEssentials
import KernelRuntime
import Traces

/// Whether the model is here.
enum ModelHealth {
  static func line(_ model: String, home: String) -> HealthLine {
    if let known = KnownModel.named(model) {
      let path = known.path(in: home)
      if FileManager.default.fileExists(atPath: path) { return HealthLine(.ok, "model", path) }
      return HealthLine(.missing, "model", "\(known.name) is not here yet", fix: "swiftlet pull \(known.name)")
    }
    if FileManager.default.fileExists(atPath: model) { return HealthLine(.ok, "model", model) }
    return HealthLine(
      .error, "model", "\(model) is neither a known name nor a file or folder", fix: "known: \(KnownModel.names)")
  }
}

/// Solutions that failed while serving and are left out since.
enum QuarantineHealth {
  static func line(home: String) -> HealthLine {
    do {
      let entries = try Quarantine(path: home + "/quarantine.json", version: Version.text).all
      if entries.isEmpty { return HealthLine(.ok, "quarantine", "empty") }
      let names = entries.prefix(3).map { "\($0.solution) for \($0.definition): \($0.reason)" }
      let more = entries.count > 3 ? "; \(entries.count - 3) more" : ""
      return HealthLine(
        .warning, "quarantine", "\(entries.count) left out: \(names.joined(separator: "; "))\(more)",
        fix: "mend them, or remove \(home)/quarantine.json to try them again")
    } catch {
      return HealthLine(.error, "quarantine", "\(error)", fix: "remove the file")
    }
  }
}

/// What a check of the trace set finds.
enum TraceSetHealth {
  /// - isNamed: whether the user named the folder; the usual one need not be there.
  static func line(_ folder: String, isNamed: Bool) -> HealthLine {
    let subject = "trace set"
    var isFolder = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder else {
      if isNamed { return HealthLine(.error, subject, "there is no folder \(folder)", fix: "see --trace-set") }
      return HealthLine(
        .missing, subject, "\(folder) is not there yet", fix: "swiftlet bench kernels measures kernels into it")
    }
    let check = SetCheck(folder)
    let errors = check.count(.error), warnings = check.count(.warning)
    let pointers = check.findings.count { $0.reason.contains("Git LFS pointer") }
    var finding = "\(folder): \(check.definitions.count) definitions, \(errors) errors, \(warnings) warnings"
    var fix = "swiftlet traces validate \(folder)"
    if pointers > 0 {
      finding += ", \(pointers) tensors that are Git LFS pointers"
      fix = "git lfs pull; then \(fix)"
    }
    if errors + warnings == 0 { return HealthLine(.ok, subject, finding) }
    return HealthLine(errors > 0 ? .error : .warning, subject, finding, fix: fix)
  }
}
