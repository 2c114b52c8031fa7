import ArgumentParser
import FoundationEssentials
import KernelRuntime
import Logging
import Traces

/// Registers source files as a solution: writes the Solution document into the trace set and builds it once.
struct KernelsAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Make source files a candidate for a definition.",
    discussion: """
      Writes a Solution document into the trace set (and the definition, when it is one of the model's) and builds it. \
      From then on it is a candidate: `swiftlet bench kernels` measures it, and `--kernels auto` uses it where it is the \
      fastest. C++ sources are bound by the TVM-FFI ABI; #include "swiftlet_kernel.h" makes that one line:
        swiftlet kernels add --definition rmsnorm_h576 my_rmsnorm.cpp
      """)

  @Argument(help: "Source files; the first holds the entry point.")
  var files: [String]

  @Option(help: "The definition that is computed: one of the model's (see kernels list) or of the trace set.")
  var definition: String

  @Option(help: "The exported function.")
  var entry = "run"

  @Option(help: "The solution's name. Default: the first file's, without its ending.")
  var name: String?

  @Option(help: "Who made it.")
  var author = "local"

  @Option(help: "cpp, swift or python. Default: by the first file's ending.")
  var language: String?

  @Option(help: "What must be installed, for Python: torch, numpy.")
  var dependency: [String] = []

  @Flag(help: "The function returns its outputs instead of getting them as arguments (Python).")
  var returnsOutputs = false

  @Option(help: ArgumentHelp("Where compiled kernels are kept.", valueName: "dir"))
  var cache: String?

  @OptionGroup var model: ModelOptions

  func run() throws {
    let solution = try document()
    let log = Logger(label: "swiftlet", factory: { StreamLogHandler.standardError(label: $0) })
    var set = try model.kernelOptions.openTraceSet(log: log)
    let known = try set.definitions[definition] ?? modelDefinition()
    guard let known else {
      throw ValidationError(
        "there is no definition \(definition), in the model or in \(model.kernelOptions.traceSetPath)")
    }
    // Built first: what does not build is not registered.
    let builders = KernelBuilding.builders(cache: cache)
    guard let builder = KernelBuilders.builder(for: solution.spec.language, among: builders) else {
      throw ValidationError("there is no builder for the language \(solution.spec.language)")
    }
    if case .unavailable(let reason) = builder.availability(of: solution, on: .cpu) {
      throw ValidationError("\(solution.name) cannot be built here: \(reason)")
    }
    let built = try builder.compile(solution)
    if set.definitions[definition] == nil { try set.add(known) }
    try set.add(solution)
    Terminal.print("\(solution.name): a candidate for \(definition), built in \(built.path)")
    Terminal.print("measure it: swiftlet bench kernels --definitions \(definition)")
  }

  private func modelDefinition() throws -> Definition? {
    try model.definitions().first { $0.definition.name == definition }?.definition
  }

  private func document() throws -> Solution {
    let sources = try files.map { path in
      guard let data = FileManager.default.contents(atPath: path), let text = String(data: data, encoding: .utf8) else {
        throw ValidationError("cannot read \(path) as text")
      }
      return SourceFile(path: Self.fileName(path), content: text)
    }
    let first = Self.fileName(files.first ?? "")
    let spec = BuildSpec(
      language: try chosenLanguage(first), targetHardware: ["cpu"], entryPoint: "\(first)::\(entry)",
      dependencies: dependency, destinationPassingStyle: !returnsOutputs)
    let stem = first.split(separator: ".").first.map(String.init) ?? first
    return try Solution(
      name: name ?? stem, definition: definition, author: author, spec: spec, sources: sources)
  }

  private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  private func chosenLanguage(_ file: String) throws -> Language {
    if let language { return Language(rawValue: language) }
    switch file.split(separator: ".").last {
    case "cpp", "cc", "cxx", "c": return .cpp
    case "swift": return .swift
    case "py": return .python
    default: throw ValidationError("\(file): say --language cpp, swift or python")
    }
  }
}
