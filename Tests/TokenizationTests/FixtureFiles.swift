import Glibc
import JSONText
import Tokenization

/// Files under `Tests/Fixtures`.
enum Fixture {
  struct Missing: Error { let path: String }

  static func bytes(_ name: String) throws -> [UInt8] {
    let path = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/" + name
    guard let file = fopen(path, "rb") else { throw Missing(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  static func json(_ name: String) throws -> JSONValue { try JSONValue(parsing: bytes(name)) }
}

extension JSONValue {
  /// An array of ids.
  var tokenIDs: [TokenID]? { array?.compactMap { $0.int.flatMap { TokenID(exactly: $0) } } }
}

/// A small repeatable source of randomness (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
