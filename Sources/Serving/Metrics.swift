import Hummingbird

/// One metric with all its label values, in the words of Prometheus's text format.
public struct MetricFamily: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable { case counter, gauge, histogram }
  public struct Sample: Sendable, Hashable {
    /// Appended to the family's name: `_bucket`, `_sum`, `_count` of a histogram.
    public var suffix: String
    public var labels: [Label]
    public var value: Double
  }
  public struct Label: Sendable, Hashable {
    public var name: String, value: String
    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }

  public var name: String, help: String, kind: Kind
  public var samples: [Sample] = []

  public init(_ name: String, _ kind: Kind, _ help: String) { (self.name, self.kind, self.help) = (name, kind, help) }

  /// One value without labels.
  public init(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
    self.init(name, kind, help)
    add(value)
  }

  public mutating func add(_ value: Double, _ labels: [Label] = [], suffix: String = "") {
    samples.append(Sample(suffix: suffix, labels: labels, value: value))
  }

  /// The text exposition format, version 0.0.4.
  public static func text(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families {
      text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
      text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
      for sample in family.samples {
        text += family.name + sample.suffix
        if !sample.labels.isEmpty {
          text +=
            "{" + sample.labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
        }
        text += " \(number(sample.value))\n"
      }
    }
    return text
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return Int(exactly: value).map(String.init) ?? "\(value)"
  }
}

extension Response {
  static func metrics(_ families: [MetricFamily]) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: MetricFamily.text(families))))
  }
}
