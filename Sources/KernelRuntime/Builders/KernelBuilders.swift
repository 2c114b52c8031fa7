import Tensors
import Traces

/// The builders, one a language.
public enum KernelBuilders {
  /// All that this program has.
  /// - python: the interpreter, a path or a name to be found in PATH.
  /// - headers: offered to C++ sources, as `#include <path>`.
  public static func all(cache: ArtifactCache, python: String = "python3", headers: [SourceFile] = [])
    -> [any KernelBuilder]
  {
    [
      SwiftSourceBuilder(cache: cache), CPPBuilder(cache: cache, python: python, headers: headers),
      PythonBuilder(cache: cache, python: python), CUDABuilder(), TritonBuilder(), TileLangBuilder(),
    ]
  }

  /// The builder for a language; nil when there is none.
  public static func builder(for language: Language, among builders: [any KernelBuilder]) -> (any KernelBuilder)? {
    builders.first { $0.languages.contains(language) }
  }

  /// The solutions of a trace set as candidates for binding, in its order. One in a language that nobody builds is
  /// there, too: unavailable, with the reason.
  public static func solutions(of set: TraceSet, builders: [any KernelBuilder]) -> [KernelSolution] {
    let names = set.definitionNames + set.solutions.keys.filter { set.definitions[$0] == nil }.sorted()
    return names.flatMap { set.solutions[$0, default: []] }.map { solution in
      KernelSolution(
        solution, builder: builder(for: solution.spec.language, among: builders) ?? NoBuilder(solution.spec.language))
    }
  }
}

/// For a language that no builder of the list takes.
struct NoBuilder: AbsentBuilder {
  let language: Language
  init(_ language: Language) { self.language = language }
  var languages: [Language] { [language] }
  var reason: String { "there is no builder for the language \"\(language)\"" }
}
