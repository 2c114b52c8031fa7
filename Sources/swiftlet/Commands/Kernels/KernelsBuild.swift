import ArgumentParser
import FoundationEssentials
import JSONText
import KernelRuntime
import Traces

/// `swiftlet kernels build`: compiles solutions before they are needed.
struct KernelsBuild: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Compile solutions that come as data, and keep the result.",
    discussion: """
      Every solution is compiled, loaded, and its entry point looked up; Python solutions are imported. The exit status \
      is 1 when one failed. A solution whose tools or hardware are not here is unavailable, which is no failure.
      """)

  @Option(help: "A FlashInfer-Trace folder, all of whose solutions are built.")
  var traceSet: String?

  @Argument(help: "Solution documents.")
  var solutions: [String] = []

  @OptionGroup var options: CacheOptions

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if traceSet == nil && solutions.isEmpty {
      throw ValidationError("nothing to build: give --trace-set FOLDER, or solution files")
    }
  }

  func run() throws {
    let builders = KernelBuilding.builders(cache: options.cache)
    var documents: [JSONValue] = [], hasFailed = false
    let sources = try sources()
    // Rows are printed one by one, for a compilation takes a while.
    let width = min(72, sources.map(\.name.count).max() ?? 0)
    for source in sources {
      switch source {
      case .unreadable(let place, let reason):
        hasFailed = true
        documents.append(Self.document([("file", place), ("status", "failed"), ("reason", reason)]))
        if !json { Self.print(place, "", "failed", reason, width) }
      case .solution(let solution):
        let report = KernelBuilders.compile(solution, with: builders)
        hasFailed = hasFailed || report.hasFailed
        documents.append(Self.document(report))
        if !json { Self.print(report, width) }
      }
    }
    if json { Terminal.print(JSONValue.array(documents).pretty) }
    if hasFailed { throw ExitCode(1) }
  }

  private enum Source {
    case solution(Solution)
    /// A file, and what is wrong with it.
    case unreadable(String, String)
    var name: String {
      switch self {
      case .solution(let solution): solution.name
      case .unreadable(let file, _): file
      }
    }
  }

  private func sources() throws -> [Source] {
    var found: [Source] = []
    if let traceSet {
      let set = try TraceSet.load(traceSet)
      for problem in set.diagnostics where problem.kind != .leniency {
        // What is wrong with other documents of the folder does not keep solutions from being built.
        if problem.file?.hasPrefix("\(set.root ?? "")/solutions/") ?? true || problem.file == traceSet {
          var bare = problem
          bare.file = nil
          found.append(.unreadable(problem.file ?? traceSet, bare.description))
        } else {
          Terminal.printError("\(problem)")
        }
      }
      let names = set.definitionNames + set.solutions.keys.filter { set.definitions[$0] == nil }.sorted()
      found += names.flatMap { set.solutions[$0, default: []] }.map(Source.solution)
    }
    for file in solutions {
      guard let data = FileManager.default.contents(atPath: file) else {
        throw ValidationError("cannot read the solution file \(file)")
      }
      do throws(SchemaError) {
        found.append(.solution(try Solution(json: Array(data))))
      } catch {
        found.append(.unreadable(file, "\(error)"))
      }
    }
    return found
  }

  private static func print(_ report: CompilationReport, _ width: Int) {
    let language = report.language.rawValue
    switch report.outcome {
    case .built: print(report.solution, language, "built", "in \(milliseconds(report)) ms", width)
    case .cached: print(report.solution, language, "cached", "", width)
    case .unavailable(let reason): print(report.solution, language, "unavailable", reason, width)
    case .failed(let reason): print(report.solution, language, "failed", reason, width)
    }
  }

  /// One row; further lines of the detail stand below, indented.
  private static func print(_ name: String, _ language: String, _ status: String, _ detail: String, _ width: Int) {
    let lines = detail.split(separator: "\n").map { TextTable.printable(String($0)) }
    let row = [
      TextTable.padded(name, to: width), TextTable.padded(language, to: 8), TextTable.padded(status, to: 11),
      lines.first ?? "",
    ].joined(separator: "  ")
    Terminal.print(String(row.reversed().drop { $0 == " " }.reversed()))
    for line in lines.dropFirst().prefix(8) { Terminal.print("    " + line) }
  }

  private static func milliseconds(_ report: CompilationReport) -> Int { Int(report.duration / .milliseconds(1)) }

  private static func document(_ report: CompilationReport) -> JSONValue {
    var members = [
      ("solution", report.solution), ("definition", report.definition), ("language", report.language.rawValue),
    ]
    switch report.outcome {
    case .built(let path): members += [("status", "built"), ("artifact", path)]
    case .cached(let path): members += [("status", "cached"), ("artifact", path)]
    case .unavailable(let reason): members += [("status", "unavailable"), ("reason", reason)]
    case .failed(let reason): members += [("status", "failed"), ("reason", reason)]
    }
    return document(members, [("milliseconds", .int(milliseconds(report)))])
  }

  private static func document(_ members: [(String, String)], _ more: [(String, JSONValue)] = []) -> JSONValue {
    .object(JSONObject(members.map { ($0.0, .string($0.1)) } + more))
  }
}
