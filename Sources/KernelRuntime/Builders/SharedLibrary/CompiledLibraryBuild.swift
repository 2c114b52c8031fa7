import Traces

/// What the compiled languages share: run a compiler in an entry of the cache, load what it made.
struct CompiledLibraryBuild: Sendable {
  let cache: ArtifactCache
  /// How long a compilation may take.
  let limit: Duration
  static let artifactName = "artifact.so"

  /// - arguments: for the compiler; it runs in the folder of the sources, the library goes to `../artifact.so`.
  /// - Throws: `buildFailed` with the compiler's first lines.
  func library(_ recipe: BuildRecipe, _ solution: Solution, arguments: [String]) throws(KernelError) -> (
    SharedLibrary, CompiledSolution
  ) {
    let artifact: ArtifactCache.Artifact
    let library: SharedLibrary
    do throws(KernelError) {
      artifact = try cache.artifact(for: recipe, solution: solution.name, lockLimit: limit * 2) {
        folder throws(KernelError) in
        try compile([recipe.tool.path] + arguments, in: folder + "/sources")
      }
      library = try SharedLibrary(artifact.path)
      _ = try library.kernel(solution.spec.entrySymbol)
    } catch {
      throw error.about(solution)
    }
    return (library, CompiledSolution(path: artifact.path, isFromCache: artifact.isFromCache))
  }

  private func compile(_ command: [String], in folder: String) throws(KernelError) {
    let outcome: ChildProcess.Outcome
    do throws(KernelError) {
      outcome = try ChildProcess.run(command, within: limit, workingDirectory: folder)
    } catch {
      throw KernelError(.buildFailed, error.reason)
    }
    guard outcome.status != 0 else { return }
    let said = outcome.errors + outcome.output
    let how = outcome.status > 128 ? "was ended by signal \(outcome.status - 128)" : "found errors"
    throw KernelError(.buildFailed, "\(command[0]) \(how):\n\(Self.head(said))")
  }

  /// The first lines: later errors often follow from the first.
  private static func head(_ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let head = lines.prefix(40).joined(separator: "\n").prefix(6000)
    return head.count < text.count ? head + "\n…" : String(head)
  }
}
