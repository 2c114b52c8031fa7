import ArgumentParser
import JSONText

/// Says what this machine has of what swiftlet can use, and what would put the rest right.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at this machine and at what swiftlet keeps: what is there, what is missing, what would help.",
    discussion: """
      Each line is ok, warning, missing or error. Missing things are optional: what they are for stands beside them. \
      The exit status is 1 when there is an error.
      """)

  @Option(help: "The trace set to check. Default: trace-set in swiftlet's folder, ~/.cache/swiftlet.")
  var traceSet: String?

  @Option(help: "Folder of compiled solutions. Default: kernels in swiftlet's folder.")
  var cache: String?

  @Option(help: "A known name, a .gguf file, or a Hugging Face folder.")
  var model = KnownModel.default.name

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let home = SwiftletHome.path
    let groups: [() -> [HealthLine]] = [
      MachineHealth.lines, IsolationHealth.lines,
      { FolderHealth.lines(home: home, cache: cache ?? KernelBuilding.defaultCache) },
      { [ModelHealth.line(model, home: home), QuarantineHealth.line(home: home)] },
      { [TraceSetHealth.line(traceSet ?? home + "/trace-set", isNamed: traceSet != nil)] },
      ToolHealth.lines, PythonHealth.lines,
    ]
    var lines: [HealthLine] = []
    for group in groups {
      let found = group()
      lines += found
      if !json { for line in found { Terminal.print(line.text) } }
    }
    if json { Terminal.print(HealthLine.json(lines).pretty) }
    if lines.contains(where: { $0.level == .error }) { throw ExitCode(1) }
  }
}
