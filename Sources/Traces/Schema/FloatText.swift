import JSONText

extension JSONValue {
  /// A float as FlashInfer-Bench writes it: the shortest digits that read back to the same value, plain from 1e-5 up to
  /// 1e16, `1e+16` and `1e-6` beyond; NaN and infinity as the strings that both sides read back.
  static func trace(_ value: Double) -> JSONValue {
    if value.isNaN { return .string("NaN") }
    if value.isInfinite { return .string(value < 0 ? "-Infinity" : "Infinity") }
    return .number(JSONNumber(text: floatText(value)))
  }

  private static func floatText(_ value: Double) -> String {
    // Swift's own text has the shortest digits, in one of the forms d.d or d.de±dd.
    let swift = "\(value.magnitude)"
    let parts = swift.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = String(mantissa[0])
    var fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
    if fraction == "0" { fraction = "" }
    var digits = whole + fraction
    // The value is 0.digits × 10^point.
    var point = whole.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.count > 1, digits.first == "0" {
      digits.removeFirst()
      point -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    if digits == "0" { return sign + "0.0" }
    return sign + layOut(digits, point: point)
  }

  private static func layOut(_ digits: String, point: Int) -> String {
    let count = digits.count
    if point > 16 || point < -4 {
      let exponent = point - 1
      let mantissa = count == 1 ? digits : digits.prefix(1) + "." + digits.dropFirst()
      return mantissa + "e" + (exponent < 0 ? "" : "+") + String(exponent)
    }
    if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
    if point < count { return digits.prefix(point) + "." + digits.dropFirst(point) }
    return digits + String(repeating: "0", count: point - count) + ".0"
  }
}
