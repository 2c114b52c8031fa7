import Glibc
import Tokenization

/// Reads just enough of a GGUF file for a tokenizer: the metadata, scalars as integers. For trusted test files.
struct GGUFMetadata {
  private(set) var strings: [String: String] = [:]
  private(set) var integers: [String: Int] = [:]
  private(set) var stringLists: [String: [String]] = [:]
  private(set) var integerLists: [String: [Int]] = [:]

  private var bytes: [UInt8] = []
  private var at = 0

  init?(path: String) {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    bytes = [UInt8](repeating: 0, count: 4 << 20)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    guard bytes.starts(with: "GGUF".utf8) else { return nil }
    at = 16
    let count = integer(8)
    for _ in 0..<count {
      let key = string()
      let type = integer(4)
      switch type {
      case 8: strings[key] = string()
      case 9:
        let element = integer(4), count = integer(8)
        if element == 8 {
          stringLists[key] = (0..<count).map { _ in string() }
        } else {
          integerLists[key] = (0..<count).map { _ in integer(Self.size(element)) }
        }
      default: integers[key] = integer(Self.size(type))
      }
    }
    bytes = []
  }

  private static func size(_ type: Int) -> Int { [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][type] }

  private mutating func integer(_ size: Int) -> Int {
    defer { at += size }
    return (0..<size).reduce(0) { $0 | Int(truncatingIfNeeded: UInt64(bytes[at + $1]) << UInt64(8 * $1)) }
  }

  private mutating func string() -> String {
    let count = integer(8)
    defer { at += count }
    return String(decoding: bytes[at..<(at + count)], as: UTF8.self)
  }

  func vocabulary() throws -> Vocabulary {
    let prefix = "tokenizer.ggml."
    return try Vocabulary(
      ggufModel: strings[prefix + "model"] ?? "", pre: strings[prefix + "pre"],
      tokens: stringLists[prefix + "tokens"] ?? [], tokenTypes: integerLists[prefix + "token_type"],
      merges: stringLists[prefix + "merges"] ?? [],
      bos: integers[prefix + "bos_token_id"], eos: integers[prefix + "eos_token_id"],
      unk: integers[prefix + "unknown_token_id"], pad: integers[prefix + "padding_token_id"],
      addsBOS: integers[prefix + "add_bos_token"].map { $0 != 0 },
      addsSpacePrefix: integers[prefix + "add_space_prefix"].map { $0 != 0 })
  }
}

/// The default model, where its file is.
enum DefaultModel {
  /// Its path, or nil with a printed reason where it is absent.
  static let path: String? = {
    var paths: [String] = []
    if let path = getenv("SWIFTLET_TEST_MODEL") { paths.append(String(cString: path)) }
    if let home = getenv("HOME") {
      paths.append(
        String(cString: home) + "/.cache/swiftlet/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")
    }
    if let path = paths.first(where: { access($0, R_OK) == 0 }) { return path }
    print("skipped: no default model at \(paths.joined(separator: " or "))")
    return nil
  }()

  /// Its tokenizer; nil when the file is no GGUF.
  static func tokenizer() throws -> Tokenizer? {
    guard let path, let metadata = GGUFMetadata(path: path) else { return nil }
    return try Tokenizer(metadata.vocabulary())
  }
}
