import ArgumentParser
import JSONText
import Traces

extension TracesCommand {
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A set's contents and ranking, or one definition or solution of it.",
      discussion: "With --json and without a name: hashes, scores, rankings, summary and best traces in one document.")

    @Argument(help: "The set's folder.")
    var path: String

    @Argument(help: "A definition or a solution.")
    var name: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let set = try TracesCommand.load(path)
      guard let name else { return json ? Terminal.print(SetFigures(set).json.pretty) : showAll(set) }
      if let definition = set.definitions[name] {
        json ? Terminal.write(String(decoding: definition.json, as: UTF8.self) + "\n") : show(definition, set)
      } else if let solution = set.solution(named: name) {
        json ? Terminal.write(String(decoding: solution.json, as: UTF8.self) + "\n") : show(solution, set)
      } else {
        throw ValidationError("\(path) has neither a definition nor a solution \(name)")
      }
    }

    private func showAll(_ set: TraceSet) {
      for name in set.definitionNames {
        guard let definition = set.definitions[name] else { continue }
        let traces = set.traces[name, default: []], passed = traces.count { $0.isSuccessful }
        Terminal.print(
          "\(name)  (\(definition.opType))  \(set.solutions[name, default: []].count) solutions, "
            + "\(set.workloads[name, default: []].count) workloads, \(passed) of \(traces.count) traces passed")
      }
      guard let ranking = try? set.ranking(), !ranking.isEmpty else { return }
      Terminal.print("\nrank  author  speed-up  success  wins  workloads")
      for (place, score) in ranking.enumerated() {
        Terminal.print(
          "\(place + 1)  \(score.author)  \(Self.rounded(score.averageSpeedup))  \(Self.rounded(score.successRate))  "
            + "\(Self.rounded(score.winRate))  \(score.workloads)")
      }
    }

    private func show(_ definition: Definition, _ set: TraceSet) {
      Terminal.print("\(definition.name)  (\(definition.opType))\(definition.description.map { "  \($0)" } ?? "")")
      for (name, axis) in definition.axes {
        Terminal.print("  axis    \(name) = \(axis.value.map(String.init) ?? "variable")")
      }
      for (part, specs) in [("input ", definition.inputs), ("output", definition.outputs)] {
        for (name, spec) in specs {
          let shape = spec.shape.map { "[\($0.joined(separator: ", "))]" } ?? "scalar"
          Terminal.print("  \(part)  \(name): \(shape) \(spec.dtype.rawValue)")
        }
      }
      for constraint in definition.constraints { Terminal.print("  holds   \(constraint)") }
      for solution in set.solutions[definition.name, default: []] {
        Terminal.print("  solved by \(solution.name), \(solution.spec.language) by \(solution.author)")
      }
    }

    private func show(_ solution: Solution, _ set: TraceSet) {
      Terminal.print(
        "\(solution.name)  \(solution.spec.language) by \(solution.author), for \(solution.definition), hash \(solution.contentHash)"
      )
      for trace in set.traces(ofSolution: solution.name) {
        guard let evaluation = trace.evaluation else { continue }
        let axes = trace.workload.axes.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        let time = evaluation.performance.map { "  \($0.latencyMs) ms, \(Self.rounded($0.speedupFactor)) times" } ?? ""
        Terminal.print("  \(evaluation.status.rawValue)  \(axes)\(time)  on \(evaluation.environment.hardware)")
        if evaluation.status != .passed, let line = evaluation.log.split(separator: "\n").first {
          Terminal.print("    \(line)")
        }
      }
    }

    static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
  }

  struct Best: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The fastest recorded solution of each definition.")

    @Argument(help: "The set's folder.")
    var path: String

    @Argument(help: "Only these definitions.")
    var definitions: [String] = []

    @Option(parsing: .upToNextOption, help: "Only workloads with these sizes, such as M=4.")
    var axes: [String] = []

    @Option(help: "Only traces of this device.")
    var hardware: String?

    @Option(help: "Largest recorded absolute error.")
    var maxAbsoluteError = 0.01

    @Option(help: "Largest recorded relative error.")
    var maxRelativeError = 0.01

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let set = try TracesCommand.load(path), sizes = try TracesCommand.axes(axes)
      for name in definitions where set.definitions[name] == nil {
        throw ValidationError("\(path) has no definition \(name)")
      }
      var rows: [JSONValue] = []
      for name in definitions.isEmpty ? set.definitionNames : definitions {
        let best = set.filterTraces(definition: name, atol: maxAbsoluteError, rtol: maxRelativeError).filter { trace in
          (hardware == nil || trace.evaluation?.environment.hardware == hardware)
            && sizes.allSatisfy { trace.workload.axes[$0.key] == $0.value }
        }.max { ($0.evaluation?.performance?.speedupFactor ?? 0) < ($1.evaluation?.performance?.speedupFactor ?? 0) }
        if json {
          let found = best.flatMap { SetFigures.row($0).object?.members } ?? [("solution", .null)]
          rows.append(.object(JSONObject([("definition", .string(name))] + found)))
          continue
        }
        guard let best, let evaluation = best.evaluation, let performance = evaluation.performance else {
          Terminal.print("\(name): no trace passes")
          continue
        }
        let errors = evaluation.correctness
        Terminal.print(
          "\(name): \(best.solution ?? "?"), \(Show.rounded(performance.speedupFactor)) times, \(performance.latencyMs) ms, "
            + "errors \(errors?.maxAbsoluteError ?? 0) absolute, \(errors?.maxRelativeError ?? 0) relative, "
            + "on \(evaluation.environment.hardware)")
      }
      if json { Terminal.print(JSONValue.array(rows).pretty) }
    }
  }
}
