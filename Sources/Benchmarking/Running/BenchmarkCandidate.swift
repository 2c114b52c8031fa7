import JSONText
import KernelRuntime
import Traces

/// A solution to be measured: part of the program, or a document.
public struct BenchmarkCandidate: Sendable {
  public let name: String, flavor: String, author: String
  /// What the worker is told: a name, or the whole document.
  let document: JSONValue
  /// Of a document its content hash; of a part of the program its name and the program's version.
  let identity: String
  /// Whether more copies of the weights cost little: builds of documents start compilers and interpreters.
  let bindsQuickly: Bool
  /// Whether a part of the program can compute a definition on this machine; documents are asked by building them.
  let availability: @Sendable (Definition, BindContext) -> Availability

  /// A solution that is part of this program.
  public init(_ solution: KernelSolution, version: String) {
    (name, flavor, author) = (solution.name, solution.flavor.rawValue, solution.author)
    (document, identity, bindsQuickly) = (.string(solution.name), "\(solution.name)@\(version)", true)
    availability = solution.availability
  }

  /// A solution that came as data.
  public init(_ solution: Solution) throws(SchemaError) {
    (name, flavor, author) = (solution.name, solution.spec.language.rawValue, solution.author)
    do throws(JSONError) { document = try JSONValue(parsing: solution.json) } catch {
      throw SchemaError(.valueError, "solution \(solution.name): \(error)")
    }
    (identity, bindsQuickly) = (solution.contentHash, false)
    availability = { _, _ in .available }
  }
}
