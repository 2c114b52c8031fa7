/// GPT-2's printable spelling of bytes: each of the 256 byte values is one character.
///
/// The printable bytes of Latin-1 (`!`…`~`, `¡`…`¬`, `®`…`ÿ`) stand for themselves; the 68 others, in ascending order,
/// are U+0100, U+0101 …; so a space is `Ġ` (U+0120) and a newline is `Ċ` (U+010A).
/// Source: `bytes_to_unicode` in OpenAI's GPT-2 release.
enum ByteAlphabet {
  /// The character of each byte, as a code point below 0x144.
  static let scalars: [UInt16] = {
    var scalars: [UInt16] = [], next: UInt16 = 0x100
    for byte in UInt16(0)..<256 {
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: scalars.append(byte)
      default:
        scalars.append(next)
        next += 1
      }
    }
    return scalars
  }()

  /// The byte of each code point below 0x144, or -1.
  static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
    return bytes
  }()

  /// Appends the bytes that `spelling` (UTF-8) stands for.
  ///
  /// - Returns: false, with `output` as it was, when a character is not in the alphabet.
  static func append(_ spelling: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) -> Bool {
    let start = output.count
    var i = 0
    bytes.withUnsafeBufferPointer { table in
      while i < spelling.count {
        // Only one and two byte forms can be in the alphabet.
        var scalar = Int(spelling[i]), length = 1
        if scalar >= 0x80 {
          guard scalar < 0xC8, i + 1 < spelling.count else { return }
          scalar = (scalar & 0x1F) << 6 | Int(spelling[i + 1] & 0x3F)
          length = 2
        }
        guard scalar < table.count, table[scalar] >= 0 else { return }
        output.append(UInt8(truncatingIfNeeded: table[scalar]))
        i += length
      }
    }
    if i < spelling.count {
      output.removeLast(output.count - start)
      return false
    }
    return true
  }
}
