import Tensors
import Traces

/// What became of compiling one solution ahead of its use.
public struct CompilationReport: Sendable, Hashable {
  public enum Outcome: Sendable, Hashable {
    /// Compiled now; the artifact's path.
    case built(String)
    /// Nothing had to be compiled; the artifact's path.
    case cached(String)
    case unavailable(because: String)
    /// With the compiler's words.
    case failed(because: String)
  }
  public let solution: String, definition: String
  public let language: Language
  public let outcome: Outcome
  public let duration: Duration

  public var hasFailed: Bool { if case .failed = outcome { true } else { false } }
}

extension KernelBuilders {
  /// Compiles a solution for the CPU, as far as that can be done without its definition: entry point included.
  public static func compile(_ solution: Solution, with builders: [any KernelBuilder]) -> CompilationReport {
    let builder = builder(for: solution.spec.language, among: builders) ?? NoBuilder(solution.spec.language)
    var outcome = CompilationReport.Outcome.failed(because: "")
    let duration = ContinuousClock().measure {
      if case .unavailable(let reason) = builder.availability(of: solution, on: .cpu) {
        outcome = .unavailable(because: reason)
        return
      }
      do throws(KernelError) {
        let compiled = try builder.compile(solution)
        outcome = compiled.isFromCache ? .cached(compiled.path) : .built(compiled.path)
      } catch {
        outcome = .failed(because: error.reason)
      }
    }
    return CompilationReport(
      solution: solution.name, definition: solution.definition, language: solution.spec.language, outcome: outcome,
      duration: duration)
  }
}
