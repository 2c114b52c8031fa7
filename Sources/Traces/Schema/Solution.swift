/// One implementation of a definition: how to build it, and its source files, all inline.
///
/// Invariant: the value has passed `SolutionChecks`. Two solutions are the same build when `contentHash` is equal and
/// `spec.destinationPassingStyle` agrees. Source: FlashInfer-Bench's schema.
public struct Solution: Sendable, Hashable {
  /// Unique over a trace set; a file name.
  public let name: String
  /// The name of the definition that this implements.
  public let definition: String
  /// A folder name; `baseline` is what scores are measured against.
  public let author: String
  public let spec: BuildSpec
  /// At least one; paths are unique.
  public let sources: [SourceFile]
  public let description: String?
  let origin: Origin

  public init(
    name: String, definition: String, author: String, spec: BuildSpec, sources: [SourceFile],
    description: String? = nil
  ) throws(SchemaError) {
    self.init(
      name: name, definition: definition, author: author, spec: spec, sources: sources, description: description,
      origin: .code)
    try SolutionChecks.check(self)
  }

  /// Without checks.
  init(
    name: String, definition: String, author: String, spec: BuildSpec, sources: [SourceFile], description: String?,
    origin: Origin
  ) {
    (self.name, self.definition, self.author, self.spec) = (name, definition, author, spec)
    (self.sources, self.description, self.origin) = (sources, description, origin)
  }

  /// A changed copy; fields that are not given, unknown members and member order are kept.
  public func with(
    name: String? = nil, definition: String? = nil, author: String? = nil, spec: BuildSpec? = nil,
    sources: [SourceFile]? = nil, description: String?? = nil
  ) throws(SchemaError) -> Solution {
    let copy = Solution(
      name: name ?? self.name, definition: definition ?? self.definition, author: author ?? self.author,
      spec: spec ?? self.spec, sources: sources ?? self.sources, description: description ?? self.description,
      origin: origin.changed)
    try SolutionChecks.check(copy)
    return copy
  }

  /// The file that holds the entry point.
  public var entrySource: SourceFile? { sources.first { $0.path == spec.entryFile } }

  /// FlashInfer-Bench's content hash: SHA-1 over definition, language, entry point, binding, dependencies, and each
  /// source's path and content, joined without separators. 40 hexadecimal digits.
  ///
  /// It leaves out the calling style, and moving text from a path to its content does not change it; a cache that
  /// holds builds should add `spec.destinationPassingStyle` and its own toolchain to the key.
  public var contentHash: String {
    var sha = SHA1()
    sha.update(definition)
    sha.update(spec.language.rawValue)
    sha.update(spec.entryPoint)
    sha.update(spec.binding?.rawValue ?? "")
    for dependency in spec.dependencies { sha.update(dependency) }
    for source in sources {
      sha.update(source.path)
      sha.update(source.content)
    }
    return sha.hexDigest()
  }

  /// The same solution named `name_` and the first eight digits of its hash.
  public func withUniqueName() throws(SchemaError) -> Solution { try with(name: name + "_" + contentHash.prefix(8)) }

  /// The name of the package a build goes into: the prefix, the name with everything that is no identifier replaced, and six
  /// digits of the hash.
  public func packageName(prefix: String) -> String {
    var clean = ""
    for scalar in name.unicodeScalars {
      let isWord = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
      clean.unicodeScalars.append(isWord ? scalar : "_")
    }
    if clean.isEmpty || ("0"..."9").contains(clean.unicodeScalars.first ?? "_") { clean = "_" + clean }
    return prefix + clean + "_" + contentHash.prefix(6)
  }
}

/// How a solution is built and called.
public struct BuildSpec: Sendable, Hashable {
  public let language: Language
  /// Free text, at least one: `cpu`, `cuda`, `NVIDIA_H100` …
  public let targetHardware: [String]
  /// `path::symbol`; the path is that of one source.
  public let entryPoint: String
  /// Free text: `torch`, `triton >= 2.3`.
  public let dependencies: [String]
  /// Whether outputs are arguments that the kernel writes, or results that it returns. FlashInfer-Bench's default is true,
  /// FlashInfer's own is false.
  public let destinationPassingStyle: Bool
  /// How a C++ or CUDA library is bound; nil means `tvm-ffi` for those two languages.
  public let binding: Binding?

  public init(
    language: Language, targetHardware: [String], entryPoint: String, dependencies: [String] = [],
    destinationPassingStyle: Bool = true, binding: Binding? = nil
  ) {
    (self.language, self.targetHardware, self.entryPoint) = (language, targetHardware, entryPoint)
    (self.dependencies, self.binding) = (dependencies, binding)
    self.destinationPassingStyle = destinationPassingStyle
  }

  private var separator: Range<String.Index>? { entryPoint.firstRange(of: "::") }
  /// The part of the entry point before `::`.
  public var entryFile: String { separator.map { String(entryPoint[..<$0.lowerBound]) } ?? entryPoint }
  /// The part of the entry point after `::`.
  public var entrySymbol: String { separator.map { String(entryPoint[$0.upperBound...]) } ?? "" }
}

/// A source file inside a solution.
public struct SourceFile: Sendable, Hashable {
  /// Relative, with `/` between components.
  public let path: String
  public let content: String
  public init(path: String, content: String) { (self.path, self.content) = (path, content) }
}
