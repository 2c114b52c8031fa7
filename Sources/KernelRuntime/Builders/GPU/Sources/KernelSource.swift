import Traces

/// A kernel for GPUs as it lies in a room: `Kernels/rmsnorm/cuda/rmsnorm.cu` is the solution `rmsnorm_cuda`.
public struct KernelSource: Sendable, Hashable {
  /// The solution's name: `<file>_<language>`.
  public let name: String
  /// The room's folder name.
  public let room: String
  /// `cuda`, `triton` or `tilelang`.
  public let language: Language
  /// Where it is.
  public let path: String
  public let text: String
  public let header: KernelSourceHeader

  /// - path: names the room, the language and the solution.
  /// - Throws: when the header is wrong.
  public init(path: String, text: String) throws(KernelSourceError) {
    let parts = path.split(separator: "/").map(String.init)
    guard parts.count >= 3,
      let language = KernelSourceFolder.languages.first(where: { $0.rawValue == parts[parts.count - 2] })
    else { throw KernelSourceError(path, 1, "a kernel's place is <room>/<cuda, triton or tilelang>/<name>.<cu or py>") }
    let stem = parts[parts.count - 1].prefix { $0 != "." }
    (name, room) = ("\(stem)_\(language.rawValue)", parts[parts.count - 3])
    (self.language, self.path, self.text) = (language, path, text)
    header = try KernelSourceHeader(text, language: language, file: path)
  }

  /// The folder that it is in, for includes.
  var folder: String { CacheFiles.parent(of: path) }

  /// Lines of code: not empty, no comment, and not of the header.
  public var codeLineCount: Int {
    let mark = language == .cuda ? "//" : "#"
    var isText = false, count = 0
    for line in text.split(separator: "\n") {
      let words = line.drop { $0 == " " || $0 == "\t" }
      if language != .cuda, words.hasPrefix("\"\"\"") {
        // A documentation string begins, ends, or does both.
        let ends = words.dropFirst(3).contains("\"\"\"")
        if isText || !ends { isText.toggle() }
        continue
      }
      if !isText, !words.isEmpty, !words.hasPrefix(mark) { count += 1 }
    }
    return count
  }
}

/// All kernels for GPUs in a folder of rooms, found by where they lie: nothing is registered.
public struct KernelSourceFolder: Sendable {
  /// The folder of the rooms: `Kernels`.
  public let root: String
  /// In the order of rooms, languages and names.
  public let sources: [KernelSource]
  /// Sources that cannot be read.
  public let problems: [KernelSourceError]

  public static let languages: [Language] = [.cuda, .triton, .tilelang]

  /// Reads `<root>/<room>/<language>/<name>.<cu|py>`. Headers (`.cuh`) beside a source are no kernels.
  public init(root: String) {
    var root = root
    while root.count > 1, root.hasSuffix("/") { root.removeLast() }
    self.root = root
    var sources: [KernelSource] = [], problems: [KernelSourceError] = []
    for room in CacheFiles.names(in: root) where room != "include" {
      for language in Self.languages {
        let folder = "\(root)/\(room)/\(language.rawValue)", ending = language == .cuda ? ".cu" : ".py"
        for file in CacheFiles.names(in: folder) where file.hasSuffix(ending) {
          let path = "\(folder)/\(file)"
          guard let bytes = CacheFiles.read(path, limit: 4 << 20) else {
            problems.append(KernelSourceError(path, 1, "it cannot be read"))
            continue
          }
          do throws(KernelSourceError) {
            let source = try KernelSource(path: path, text: String(decoding: bytes, as: UTF8.self))
            if let other = sources.first(where: { $0.name == source.name }) {
              throw KernelSourceError(path, 1, "the solution \(source.name) is already \(other.path)")
            }
            sources.append(source)
          } catch {
            problems.append(error)
          }
        }
      }
    }
    (self.sources, self.problems) = (sources, problems)
  }

  /// What CUDA sources include: headers that rooms share.
  var includeFolder: String { root + "/include/cuda" }
  /// The headers and the runtime of the emulation.
  var emulationFolder: String { root + "/include/emulation" }
}
