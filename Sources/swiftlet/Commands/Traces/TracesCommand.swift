import ArgumentParser
import JSONText
import Traces

/// Looking after trace sets.
struct TracesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traces", abstract: "Look after trace sets: folders of definitions, solutions, workloads and traces.",
    discussion: "Results go to standard output; the exit status is 0 when all is well, 1 when something was found.",
    subcommands: [
      Validate.self, Show.self, Best.self, Merge.self, Diff.self, Convert.self, CoverageCommand.self, Export.self,
    ])

  /// Loads a set; what is wrong with it goes to standard error.
  static func load(_ path: String) throws -> TraceSet {
    let set = try TraceSet.load(path)
    if set.diagnostics.contains(where: { $0.kind == .fileError && $0.file == path }) {
      throw ValidationError("there is no folder \(path)")
    }
    for diagnostic in set.diagnostics { Terminal.printError("\(diagnostic)") }
    return set
  }

  /// Sizes of axes as they are written on the command line.
  static func axes(_ texts: [String]) throws -> [String: Int] {
    var found: [String: Int] = [:]
    for text in texts.flatMap({ $0.split(separator: ",") }) {
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let size = Int(parts[1]), size >= 0 else {
        throw ValidationError("--axes: \"\(text)\" should be <axis>=<size>")
      }
      found[String(parts[0])] = size
    }
    return found
  }

  struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check a set: documents, layout, references, shapes, blobs, coverage.")

    @Argument(help: "The set's folder.")
    var path: String

    @Flag(help: "Warnings count as errors.")
    var strict = false

    @Flag(help: "Print what is only worth knowing, too.")
    var verbose = false

    @Option(help: "The author whom others are measured against.")
    var baseline = TraceSet.baselineAuthor

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let check = SetCheck(path, baseline: baseline)
      if json {
        Terminal.print(check.json.pretty)
      } else {
        for finding in check.findings where verbose || finding.level > .info { Terminal.print(finding.text) }
        Terminal.print(check.summary)
      }
      if check.count(.error) > 0 || strict && check.count(.warning) > 0 { throw ExitCode(1) }
    }
  }

  struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write the union of sets into a new folder; equal lines once.")

    @Argument(help: "The sets' folders.")
    var paths: [String]

    @Option(help: "A folder that is empty or not there.")
    var output: String

    @Option(help: "Which of two different documents of one name is kept: first or last. Default: none, it is an error.")
    var prefer = "none"

    func run() throws {
      guard let preference = SetUnion.Preference(rawValue: prefer) else {
        throw ValidationError("--prefer is \(prefer); it must be none, first or last")
      }
      let union = try SetUnion(try paths.map(TracesCommand.load), prefer: preference)
      for decision in union.decided { Terminal.printError(decision) }
      if !union.conflicts.isEmpty {
        for conflict in union.conflicts { Terminal.printError("conflict: \(conflict)") }
        Terminal.printError("nothing was written; --prefer first or last decides")
        throw ExitCode(1)
      }
      for path in union.missingBlobs { Terminal.printError("warning: no set has the file \(path)") }
      try union.write(to: output)
      let set = union.set
      Terminal.print(
        "\(output): \(set.definitionNames.count) definitions, \(set.solutions.values.joined().count) solutions, "
          + "\(set.workloads.values.joined().count) workloads, \(set.traces.values.joined().count) traces; "
          + "\(union.duplicates) lines that occurred twice were left out")
    }
  }

  struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What one set has and another has not; exit status 1 when they differ.")

    @Argument(help: "The older set's folder.")
    var old: String

    @Argument(help: "The newer set's folder.")
    var new: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let difference = SetDifference(from: try TracesCommand.load(old), to: try TracesCommand.load(new))
      if json {
        Terminal.print(JSONValue.array(difference.changes.map(\.json)).pretty)
      } else {
        for change in difference.changes { Terminal.print(change.text) }
      }
      if !difference.isEmpty { throw ExitCode(1) }
    }
  }

  struct CoverageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "coverage", abstract: "What was measured, what is stale or missing, and what to measure next.")

    @Argument(help: "The set's folder.")
    var path: String

    @Option(help: "Only traces of this device count.")
    var hardware: String?

    @Option(help: "How many suggestions to print.")
    var next = 5

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let set = try TracesCommand.load(path), coverage = Coverage(set, hardware: hardware)
      if json {
        Terminal.print(coverage.json.pretty)
        return
      }
      for name in set.definitionNames where coverage.cells.contains(where: { $0.definition == name }) {
        let figures = [Coverage.State.measured, .failed, .stale, .missing].map { state in
          "\(coverage.count(state, of: name)) \(state.rawValue)"
        }
        Terminal.print("\(name): \(figures.joined(separator: ", "))")
      }
      for cell in coverage.suggestions(max(0, next)) {
        Terminal.print(
          "next: \(cell.solution) on workload \(cell.workload) of \(cell.definition) (\(cell.state.rawValue))")
      }
    }
  }
}
