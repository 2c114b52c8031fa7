import ArgumentParser
import KernelRuntime
import Kernels
import Logging
import Models

struct KernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels", abstract: "Look at the kernels and how they are chosen.", subcommands: [List.self],
    defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Each operation of a model, its candidates, and why each is chosen or refused.")

    @OptionGroup var model: ModelOptions

    func run() throws {
      let files = try ModelFiles.open(try model.path())
      let library = try model.library(log: .quiet)
      let options = try model.engineOptions()
      let definitions = Decoder.definitions(files, pageSize: options.pageSize, cacheType: options.kvType)
      for entry in definitions {
        let decision = try library.explain(entry.definition, entry.context)
        Terminal.print("\(decision.definition)  (\(decision.operation) on \(decision.device))")
        if decision.chosen == nil { Terminal.print("  NO KERNEL: the model cannot be loaded with this policy") }
        for candidate in decision.candidates {
          switch candidate.verdict {
          case .chosen:
            Terminal.print(
              "  * \(candidate.solution): chosen, first usable of \(list(decision.policy))  [\(candidate.source)]")
          case .passedOver(let reason): Terminal.print("    \(candidate.solution): usable, \(reason)")
          case .refused(let reason): Terminal.print("  - \(candidate.solution): refused, \(reason)")
          }
        }
      }
    }

    private func list(_ flavors: [KernelFlavor]) -> String { flavors.map(\.rawValue).joined(separator: ", ") }
  }
}
