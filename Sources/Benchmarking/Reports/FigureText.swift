import Glibc

/// Numbers as reports print them.
enum FigureText {
  /// About three digits: 1.23, 12.3, 123, 12345.
  static func short(_ value: Double) -> String {
    let size = abs(value)
    if !value.isFinite { return value.isNaN ? "–" : value < 0 ? "-∞" : "∞" }
    return fixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2)
  }

  /// With the given number of decimals.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = pow(10, Double(decimals)), scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let digits = Int(scaled), unit = Int(scale)
    let sign = value < 0 && digits > 0 ? "-" : ""
    if decimals == 0 { return sign + String(digits) }
    let fraction = String(digits % unit)
    return sign + String(digits / unit) + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// Seconds in the unit that suits them: "1.23 µs".
  static func time(_ seconds: Double) -> String {
    let (scale, unit) = timeUnit(seconds)
    return "\(short(seconds * scale)) \(unit)"
  }

  /// Both ends in the unit of the lower: "1.20…1.31 µs".
  static func interval(_ low: Double, _ high: Double) -> String {
    let (scale, unit) = timeUnit(low)
    return "\(short(low * scale))…\(short(high * scale)) \(unit)"
  }

  private static func timeUnit(_ seconds: Double) -> (scale: Double, unit: String) {
    if seconds >= 0.9995 { return (1, "s") }
    if seconds >= 0.9995e-3 { return (1e3, "ms") }
    return seconds >= 0.9995e-6 ? (1e6, "µs") : (1e9, "ns")
  }

  /// With the prefix that suits it: "12.3 kB", "4.56 GFLOP".
  static func amount(_ value: Double, _ unit: String) -> String {
    for (limit, prefix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where value >= 0.9995 * limit {
      return "\(short(value / limit)) \(prefix)\(unit)"
    }
    return "\(fixed(value, 0)) \(unit)"
  }

  /// A share as a percentage.
  static func percent(_ share: Double) -> String { share.isFinite ? fixed(100 * share, 0) + " %" : "–" }

  /// The widest that a column may get.
  static let widest = 60

  /// Text from outside on one line of a terminal: no control characters, cut to `limit` characters.
  static func line(_ text: String, limit: Int = widest) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: result.unicodeScalars.append(" ")
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result.count <= limit ? result : result.prefix(max(0, limit - 1)) + "…"
  }
}
