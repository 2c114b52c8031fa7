import ArgumentParser
import FoundationEssentials
import JSONText
import Traces

extension TracesCommand {
  struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Turn a document into another dialect, and say what is lost.",
      discussion: """
        Reads a definition, solution, trace or workload (.json), or lines of traces or workloads (.jsonl), in any of the \
        dialects; the dialect is recognised. What cannot be carried over is listed on standard error.
        """)

    @Argument(help: "The file.")
    var file: String

    @Option(help: "flashinfer-bench, flashinfer or sol-execbench.")
    var to: String

    @Option(help: "Where to write. Default: standard output.")
    var output: String?

    @Option(help: "The definition, for bare workloads, which do not name it.")
    var definition: String?

    @Flag(help: "Write nothing when something would be lost.")
    var strict = false

    func run() throws {
      guard let dialect = Dialect(rawValue: to) else {
        throw ValidationError("--to is \(to); it must be \(Dialect.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      guard let data = FileManager.default.contents(atPath: file) else { throw ValidationError("cannot read \(file)") }
      var text: [UInt8] = [], losses: [ValidationDiagnostic] = []
      let documents = file.hasSuffix(".jsonl") ? Self.lines(Array(data)) : [Array(data)]
      for bytes in documents {
        let (converted, lost) = try convert(bytes, to: dialect)
        text += converted
        if file.hasSuffix(".jsonl") { text.append(0x0A) }
        losses += lost
      }
      for loss in losses { Terminal.printError("lost: \(loss.pathText): \(loss.reason)") }
      if strict && !losses.isEmpty { throw ExitCode(1) }
      guard let output else { return Terminal.write(String(decoding: text, as: UTF8.self)) }
      try OutputFile.write(text, to: output, option: "--output")
    }

    /// The lines that hold something.
    private static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
      bytes.split(separator: 0x0A).filter { line in line.contains { $0 > 0x20 } }.map { Array($0) }
    }

    private func convert(_ bytes: [UInt8], to dialect: Dialect) throws -> ([UInt8], [ValidationDiagnostic]) {
      let document = try DialectDocument(json: bytes)
      for ambiguity in document.ambiguities { Terminal.printError("assumed: \(ambiguity)") }
      switch document.kind {
      case .definition:
        let read = try document.definition(), written = try read.value.converted(to: dialect)
        return (written.value, read.losses + written.losses)
      case .solution:
        let read = try document.solution(), written = try read.value.converted(to: dialect)
        return (written.value, read.losses + written.losses)
      case .trace, .workload:
        let read = try document.trace(definition: definition), written = try read.value.converted(to: dialect)
        return (written.value, read.losses + written.losses)
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Write a set, or some definitions of it, for FlashInfer-Bench: a folder, one JSON document, or win@p curves.",
      discussion:
        "Solutions in Swift are left out of a folder: FlashInfer-Bench refuses a set with a language it does not know.")

    @Argument(help: "The set's folder.")
    var path: String

    @Argument(help: "Only these definitions.")
    var definitions: [String] = []

    @Option(help: "A folder that is empty or not there.")
    var output: String?

    @Flag(help: "Print everything as one JSON document.")
    var json = false

    @Flag(help: "Print win@p curves of the authors as CSV.")
    var csv = false

    func run() throws {
      let set = try TracesCommand.load(path)
      for name in definitions where set.definitions[name] == nil {
        throw ValidationError("\(path) has no definition \(name)")
      }
      let part = try selected(set)
      if csv { return Terminal.write(WinCurve.csv(part.winCurves())) }
      if json { return Terminal.print(part.encoded.pretty) }
      guard let output else { throw ValidationError("say --output DIR, --json or --csv") }
      let union = try SetUnion([part], blobsFrom: set)
      for path in union.missingBlobs { Terminal.printError("warning: the set has no file \(path)") }
      try union.write(to: output)
      Terminal.print("\(output): \(union.set.definitionNames.count) definitions")
    }

    private func selected(_ set: TraceSet) throws -> TraceSet {
      var part = TraceSet()
      for name in definitions.isEmpty ? set.definitionNames : definitions {
        guard let definition = set.definitions[name] else { continue }
        try part.add(definition)
        for solution in set.solutions[name, default: []] {
          if solution.spec.language == .swift && !json && !csv {
            Terminal.printError("left out: \(solution.name) is in Swift")
            continue
          }
          try part.add(solution)
        }
        try part.addWorkloads(set.workloads[name, default: []])
        try part.addTraces(set.traces[name, default: []].filter { $0.solution.flatMap(part.solution(named:)) != nil })
      }
      return part
    }
  }
}
