import Traces

/// A CUDA source with the headers of ours that it includes, as the build sees it: conditions decided, macros known.
///
/// This is no preprocessor for compiling: it reads as much as is needed to know which headers decide a build and what the
/// parameters of a kernel are called. A condition that needs more (`__CUDA_ARCH__`) keeps all its branches.
struct CUDASourceText: Sendable {
  /// Headers that were included, by path below the folder they were found in, with their text; in order.
  private(set) var headers: [SourceFile] = []
  /// The code without comments, directives and branches that are not taken, of headers and source in their order.
  private(set) var code = ""
  /// Macros without parameters, with their values.
  private(set) var macros: [String: String]

  private let folders: [String]
  private var included: Set<String> = []

  /// - macros: what is defined on the command line.
  /// - folders: where includes in quotes are looked for, in order.
  init(_ source: KernelSource, macros: [LaunchRecord.Member<String>], folders: [String]) {
    self.macros = Dictionary(macros.map { ($0.name, $0.value) }) { _, last in last }
    self.folders = [source.folder] + folders
    read(source.text, depth: 0)
  }

  private mutating func read(_ text: String, depth: Int) {
    /// For each open condition: whether it is being read, and whether a branch of it was.
    var branches: [(isRead: Bool, wasRead: Bool)] = []
    for line in Self.logicalLines(text) {
      let words = line.drop { $0 == " " || $0 == "\t" }
      let isRead = branches.allSatisfy(\.isRead)
      guard words.first == "#" else {
        if isRead { code += line + "\n" }
        continue
      }
      let directive = words.dropFirst().drop { $0 == " " }
      let name = directive.prefix { $0.isLetter }
      let rest = directive.dropFirst(name.count).drop { $0 == " " || $0 == "\t" }
      switch name {
      case "ifdef", "ifndef":
        let isDefined = macros[String(rest.prefix { $0.isWordPart })] != nil
        let holds = isDefined == (name == "ifdef")
        branches.append((holds, holds))
      case "if":
        let holds = CUDACondition(rest, macros).value
        branches.append((holds ?? true, holds == true))
      case "elif":
        guard let last = branches.popLast() else { continue }
        let holds = CUDACondition(rest, macros).value
        branches.append((!last.wasRead && holds ?? true, last.wasRead || holds == true))
      case "else":
        guard let last = branches.popLast() else { continue }
        branches.append((!last.wasRead, true))
      case "endif": _ = branches.popLast()
      case "define" where isRead: define(rest)
      case "undef" where isRead: macros[String(rest.prefix { $0.isWordPart })] = nil
      case "include" where isRead: include(rest, depth)
      default: break
      }
    }
  }

  private mutating func define(_ rest: Substring) {
    let name = rest.prefix { $0.isWordPart }
    let value = rest.dropFirst(name.count)
    if value.first == "(" { return }  // with parameters
    macros[String(name)] = String(value.drop { $0 == " " })
  }

  private mutating func include(_ rest: Substring, _ depth: Int) {
    guard rest.first == "\"", depth < 32, let end = rest.dropFirst().firstIndex(of: "\"") else { return }
    let name = String(rest[rest.index(after: rest.startIndex)..<end])
    for folder in folders {
      let path = "\(folder)/\(name)"
      guard let bytes = CacheFiles.read(path, limit: 4 << 20) else { continue }
      guard included.insert(path).inserted else { return }
      let text = String(decoding: bytes, as: UTF8.self)
      headers.append(SourceFile(path: name, content: text))
      read(text, depth: depth + 1)
      return
    }
  }

  /// Lines without comments, those that end in a backslash joined.
  private static func logicalLines(_ text: String) -> [String] {
    var bytes: [UInt8] = [], out: [String] = []
    let source = Array(text.utf8)
    var i = 0
    while i < source.count {
      let byte = source[i], next = i + 1 < source.count ? source[i + 1] : 0
      switch (byte, next) {
      case (0x2F, 0x2F):  // to the end of the line
        while i < source.count, source[i] != 0x0A { i += 1 }
      case (0x2F, 0x2A):
        i += 2
        while i + 1 < source.count, source[i] != 0x2A || source[i + 1] != 0x2F { i += 1 }
        i += 2
        bytes.append(0x20)
      case (0x5C, 0x0A):
        i += 2
        bytes.append(0x20)
      case (0x0A, _):
        out.append(String(decoding: bytes, as: UTF8.self))
        bytes = []
        i += 1
      default:
        bytes.append(byte)
        i += 1
      }
    }
    return out + (bytes.isEmpty ? [] : [String(decoding: bytes, as: UTF8.self)])
  }
}

/// The condition of an `#if`, as far as it needs only macros that are known: `defined(HAS_K_SCALE) && HEAD_DIM > 64`.
struct CUDACondition {
  /// nil when it cannot be said.
  let value: Bool?

  init(_ text: Substring, _ macros: [String: String]) {
    var words: [String] = [], position = text.startIndex
    // into Python's words, which launch expressions read; a name that is not known makes evaluating fail
    while position < text.endIndex {
      let rest = text[position...], character = text[position]
      if character.isWordStart {
        let word = rest.prefix { $0.isWordPart }
        position = word.endIndex
        if word == "defined" {
          let name = rest.dropFirst(word.count).drop { $0 == " " || $0 == "(" }.prefix { $0.isWordPart }
          let close = text[name.endIndex...].drop { $0 == " " }
          let hasParenthesis = rest.dropFirst(word.count).drop { $0 == " " }.first == "("
          position = hasParenthesis && close.first == ")" ? close.index(after: close.startIndex) : name.endIndex
          words.append(macros[String(name)] != nil ? "1" : "0")
        } else {
          words.append(macros[String(word)] ?? String(word))
        }
      } else if rest.hasPrefix("&&") || rest.hasPrefix("||") {
        words.append(rest.hasPrefix("&&") ? "and" : "or")
        position = text.index(position, offsetBy: 2)
      } else if character == "!", !rest.hasPrefix("!=") {
        words.append("not")
        position = text.index(after: position)
      } else {
        let isPair = ["==", "!=", "<=", ">="].contains { rest.hasPrefix($0) }
        let end = text.index(position, offsetBy: isPair ? 2 : 1)
        // Numbers and operators stand as they are.
        words.append(String(text[position..<end]))
        position = end
      }
    }
    // Digits of a number came one by one.
    var joined = ""
    for word in words {
      let isDigit = word.count == 1 && word.first?.isNumber == true
      joined += isDigit && joined.last?.isNumber == true ? word : " " + word
    }
    guard let expression = try? LaunchExpression(parsing: String(joined.drop { $0 == " " })) else {
      value = nil
      return
    }
    value = try? expression.holds { _ in nil }
  }
}
