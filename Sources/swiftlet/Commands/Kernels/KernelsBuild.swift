import ArgumentParser
import FoundationEssentials
import JSONText
import KernelRuntime
import Traces

/// `swiftlet kernels build`: compiles solutions before they are needed.
struct KernelsBuild: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Compile kernels ahead of their use: for GPUs, and solutions that come as data.",
    discussion: """
      With --all, every kernel for GPUs is compiled for each target and each definition of the program's list that it \
      takes. No GPU is needed, but the compilers are: make kernels-toolchain. A kernel that spills registers fails.
        swiftlet kernels build --target sm_80,sm_90a --all
      Solutions that come as data are given as files, or with --trace-set.
      Every solution is compiled, loaded, and its entry point looked up; Python solutions are imported. The exit status \
      is 1 when one failed. A solution whose tools or hardware are not here is unavailable, which is no failure.
      """)

  @Option(help: "A FlashInfer-Trace folder, all of whose solutions are built.")
  var traceSet: String?

  @Argument(help: "Solution documents.")
  var solutions: [String] = []

  @OptionGroup var options: CacheOptions
  @OptionGroup var gpu: GPUKernelOptions

  @Flag(help: "Compile the kernels for GPUs.")
  var all = false

  @Option(help: "What to compile for, separated by commas.")
  var target = "sm_80,sm_90a"

  @Option(help: "Only kernels of these operations (* stands for anything), separated by commas.")
  var operation = ""

  @Option(help: "Only kernels in these languages: cuda, triton, tilelang.")
  var language = ""

  @Option(help: "Only these definitions (* stands for anything), separated by commas.")
  var definition = ""

  @Option(help: "How many kernels are compiled at a time.")
  var jobs = 2

  @Option(
    help: ArgumentHelp("Copy what was compiled for GPUs there, for machines without compilers.", valueName: "dir"))
  var out: String?

  @Option(help: ArgumentHelp("Write a report as JSON there.", valueName: "file"))
  var report: String?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if !all && traceSet == nil && solutions.isEmpty {
      throw ValidationError("nothing to build: give --all for GPUs, --trace-set FOLDER, or solution files")
    }
    if jobs < 1 { throw ValidationError("--jobs is \(jobs); it must be at least 1") }
    for target in Self.parts(target) where LaunchRecord.targetNumber(target) == nil {
      throw ValidationError("--target: \(target) is none; targets are sm_80, sm_90a …")
    }
    for language in Self.parts(language)
    where !KernelSourceFolder.languages.contains(where: { $0.rawValue == language }) {
      throw ValidationError("--language: \(language) is none; there are cuda, triton, tilelang")
    }
  }

  private static func parts(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

  /// Compiles kernels for GPUs.
  private func buildForGPUs() throws {
    guard let builder = try gpu.builder(cache: options.cache) else {
      throw ValidationError("there are no kernels for GPUs here: give --kernel-sources FOLDER")
    }
    for problem in builder.sources.problems { Terminal.printError("\(problem)") }
    let build = GPUBuild(
      builder: builder, targets: Self.parts(target), operations: Self.parts(operation), languages: Self.parts(language),
      definitions: Self.parts(definition), jobs: jobs, out: out)
    let (reports, uncovered) = try build.run(printing: !json)
    let document = GPUBuild.json(reports, uncovered, builder.toolchain)
    if let report { try OutputFile.write(Array(document.pretty.utf8), to: report, option: "--report") }
    Terminal.print(json ? document.pretty : GPUBuild.summary(reports, uncovered))
    if reports.contains(where: \.hasFailed) || !builder.sources.problems.isEmpty { throw ExitCode(1) }
    if reports.isEmpty { throw ValidationError("nothing fits the filters") }
  }

  func run() throws {
    if all { try buildForGPUs() }
    if traceSet == nil && solutions.isEmpty { return }
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
