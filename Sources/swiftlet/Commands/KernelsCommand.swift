import ArgumentParser
import JSONText
import KernelRuntime
import Kernels
import Logging
import Models
import Tensors
import Traces

struct KernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels", abstract: "Look at the kernels and how they are chosen.",
    subcommands: [
      List.self, Explain.self, KernelsShow.self, KernelsLines.self, KernelsAdd.self, KernelsBuild.self,
      KernelsCheck.self,
    ], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Each operation of a model, its candidates, and why each is chosen or refused.")

    @OptionGroup var model: ModelOptions

    func run() throws {
      let library = try model.kernelOptions.library(log: .quiet)
      for entry in try model.definitions() {
        for decision in try library.decisions(entry.definition, entry.context) { Explanation.print(decision) }
      }
    }
  }

  struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Why one definition is computed as it is, for all shapes or for one.",
      discussion: """
        The definition is one of the model's (see `kernels list`) or of the trace set. Each candidate is listed with the \
        reason why it was chosen, passed over or refused.
          swiftlet kernels explain rmsnorm_h576 --axes batch_size=16
        """)

    @Argument(help: "The definition's name.")
    var definition: String

    @Option(parsing: .upToNextOption, help: "Sizes of variable axes, such as batch_size=16; others count as 1.")
    var axes: [String] = []

    @Option(help: "The layer that asks, for policies that tell layers apart.")
    var layer: Int?

    @Option(help: "decode or prefill, for policies that tell them apart.")
    var phase: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var model: ModelOptions

    func run() throws {
      let (definition, context) = try find()
      var library = try model.kernelOptions.library(log: .quiet)
      if let layer { library = library.inLayer(layer) }
      var step: KernelPhase?
      if let phase {
        step = KernelPhase(rawValue: phase)
        if step == nil { throw ValidationError("--phase is \(phase); it must be decode or prefill") }
      }
      let decision = try library.explain(
        definition, context, axes: axes.isEmpty ? nil : try sizes(definition), phase: step)
      if json { Terminal.print(decision.json.pretty) } else { Explanation.print(decision) }
    }

    private func find() throws -> (Definition, BindContext) {
      let known = (try? model.definitions()) ?? []
      if let mine = known.first(where: { $0.definition.name == definition }) { return (mine.definition, mine.context) }
      let set = try model.kernelOptions.loadTraceSet(log: .quiet)
      if let other = set.definitions[definition] { return (other, BindContext(device: .cpu)) }
      let names = known.map(\.definition.name) + set.definitionNames
      throw ValidationError("there is no definition \(definition); there are \(names.joined(separator: ", "))")
    }

    private func sizes(_ definition: Definition) throws -> [String: Int] {
      var found: [String: Int] = [:]
      for text in axes.flatMap({ $0.split(separator: ",") }) {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let size = Int(parts[1]), size >= 0 else {
          throw ValidationError("--axes: \"\(text)\" should be <axis>=<size>")
        }
        guard definition.varAxes.contains(String(parts[0])) else {
          throw ValidationError(
            "--axes: \(definition.name) has no variable axis \(parts[0]); it has "
              + definition.varAxes.joined(separator: ", "))
        }
        found[String(parts[0])] = size
      }
      return found
    }
  }
}

extension ModelOptions {
  /// Every definition that the model binds.
  func definitions() throws -> [(definition: Definition, context: BindContext)] {
    let options = try engineOptions()
    return Decoder.definitions(try ModelFiles.open(try path()), pageSize: options.pageSize, cacheType: options.kvType)
  }
}

extension KernelLibrary {
  /// For all calls, and for each kind of step that the policy tells apart.
  fileprivate func decisions(_ definition: Definition, _ context: BindContext) throws -> [BindDecision] {
    let all = try explain(definition, context)
    let phases = try KernelPhase.allCases.map { try explain(definition, context, phase: $0) }
    return [all] + phases.filter { $0.chosen?.solution != all.chosen?.solution }
  }
}

/// A decision as a person reads it.
enum Explanation {
  static func print(_ decision: KernelLibrary.BindDecision) {
    let place = [decision.phase.map(\.rawValue), decision.layer.map { "layer \($0)" }].compactMap { $0 }
    let shape = decision.axes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let details = (place + shape).isEmpty ? "" : "  [" + (place + shape).joined(separator: ", ") + "]"
    Terminal.print("\(decision.definition)  (\(decision.operation) on \(decision.device))\(details)")
    if decision.chosen == nil { Terminal.print("  NO KERNEL: the model cannot be loaded with this policy") }
    for candidate in decision.candidates {
      switch candidate.verdict {
      case .chosen:
        Terminal.print("  * \(candidate.solution): chosen, \(why(decision, candidate))  [\(candidate.source)]")
      case .passedOver(let reason): Terminal.print("    \(candidate.solution): usable, \(reason)")
      case .refused(let reason): Terminal.print("  - \(candidate.solution): refused, \(reason)")
      }
    }
  }

  private static func why(_ decision: KernelLibrary.BindDecision, _ candidate: KernelLibrary.Candidate) -> String {
    let list = decision.policy.map(\.rawValue).joined(separator: ", ")
    guard candidate.reason == .fastest else { return "first usable of \(list)" }
    return switch decision.route {
    case .exact: "the fastest at this shape"
    case .bucket: "the fastest at a shape in the same buckets"
    case .nearest: "the fastest at the nearest measured shape"
    default: "the fastest over all measured shapes on \(decision.hardware)"
    }
  }
}

extension KernelLibrary.BindDecision {
  var json: JSONValue {
    .object(
      JSONObject([
        ("definition", .string(definition)), ("operation", .string(operation)), ("device", .string("\(device)")),
        ("hardware", .string(hardware.name)), ("layer", layer.map { .int($0) } ?? .null),
        ("phase", phase.map { .string($0.rawValue) } ?? .null), ("selection", .string("\(selection)")),
        ("axes", .object(JSONObject(axes.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) }))),
        ("route", .string(route.rawValue)), ("chosen", chosen.map { .string($0.solution) } ?? .null),
        ("candidates", .array(candidates.map(\.json))),
      ]))
  }
}
