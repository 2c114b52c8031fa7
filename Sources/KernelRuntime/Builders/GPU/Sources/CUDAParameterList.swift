/// The parameters of one `extern "C" __global__` function: names and how many bytes each has.
struct CUDAParameterList {
  let parameters: [LaunchRecord.Parameter]

  /// - Throws: a sentence when the function is not there, or a parameter's type is none that can be passed.
  init(of entry: String, in text: CUDASourceText) throws(KernelError) {
    guard let list = Self.list(of: entry, in: Self.tokens(text.code)) else {
      throw KernelError(
        .buildFailed, "there is no extern \"C\" __global__ function \(entry), which the header launches")
    }
    var found: [LaunchRecord.Parameter] = [], depth = 0, part: [String] = []
    for token in Self.expanded(list, text.macros) + [","] {
      if "([<{".contains(token) { depth += 1 }
      if ")]>}".contains(token) { depth -= 1 }
      guard token == ",", depth == 0 else {
        part.append(token)
        continue
      }
      if let parameter = try Self.parameter(part, entry) { found.append(parameter) }
      part = []
    }
    parameters = found
  }

  /// The tokens between the parentheses behind the function's name.
  private static func list(of entry: String, in tokens: [String]) -> [String]? {
    for (index, token) in tokens.enumerated()
    where token == entry && index + 1 < tokens.count && tokens[index + 1] == "(" {
      // its declaration begins behind the last ; or }
      let start = tokens[..<index].lastIndex { $0 == ";" || $0 == "}" || $0 == "{" }.map { $0 + 1 } ?? 0
      guard tokens[start..<index].contains("__global__") else { continue }
      var depth = 0
      for end in (index + 1)..<tokens.count {
        if tokens[end] == "(" { depth += 1 }
        if tokens[end] == ")" { depth -= 1 }
        if depth == 0 { return Array(tokens[(index + 2)..<end]) }
      }
    }
    return nil
  }

  /// With macros replaced, theirs included, up to a depth.
  private static func expanded(_ list: [String], _ macros: [String: String], depth: Int = 0) -> [String] {
    list.flatMap { token in
      guard depth < 16, let value = macros[token] else { return [token] }
      return expanded(tokens(value), macros.filter { $0.key != token }, depth: depth + 1)
    }
  }

  private static func tokens(_ text: String) -> [String] {
    var found: [String] = [], word: [UInt8] = []
    for byte in Array(text.utf8) + [0x20] {
      let isPart = byte == 0x5F || (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte >= 0x30 && byte <= 0x39
      if isPart {
        word.append(byte)
        continue
      }
      if !word.isEmpty { found.append(String(decoding: word, as: UTF8.self)) }
      word = []
      if byte > 0x20 { found.append(String(decoding: [byte], as: UTF8.self)) }
    }
    return found
  }

  private static let noise: Set<String> = [
    "const", "volatile", "__restrict__", "__restrict", "__grid_constant__", "unsigned", "signed", "std", ":",
  ]

  private static func parameter(_ tokens: [String], _ entry: String) throws(KernelError) -> LaunchRecord.Parameter? {
    if tokens.isEmpty || tokens == ["void"] { return nil }
    func refused(_ reason: String) -> KernelError {
      KernelError(.buildFailed, "\(entry): the parameter \"\(tokens.joined(separator: " "))\" \(reason)")
    }
    guard let name = tokens.last, LaunchRecord.isName(name) else { throw refused("has no name") }
    let type = tokens.dropLast().filter { !noise.contains($0) }
    if type.contains("&") { throw refused("is a reference, which cannot be passed") }
    if type.contains("*") { return .init(name, .pointer) }
    switch type.joined(separator: " ") {
    case "float": return .init(name, .f32)
    case "double": return .init(name, .f64)
    case "int", "int32_t", "uint32_t", "": return .init(name, .i32)
    case "long long", "long", "long long int", "int64_t", "uint64_t", "size_t": return .init(name, .i64)
    case "CUtensorMap": return .init(name, .tensorMap)
    default:
      throw refused(
        "has a type that is not passed by value; int, long long, float, double, CUtensorMap and pointers are")
    }
  }
}
