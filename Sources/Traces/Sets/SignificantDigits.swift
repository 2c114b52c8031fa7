import Glibc

/// Numbers for tables.
enum SignificantDigits {
  /// Nine significant digits without trailing zeros, as C's `%.9g` prints.
  static func text(_ value: Double) -> String {
    var buffer = [CChar](repeating: 0, count: 40)
    let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, "%.9g", $0) }
    return String(decoding: buffer.prefix(max(0, min(Int(count), 39))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
