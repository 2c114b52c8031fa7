import JSONText
import Scheduling

extension StepCosts {
  /// SmolLM2-135M-Instruct in 4 bits on two cores of a Zen 4, from Benchmarks/results/2026-11-21-cpu-single-stream.json.
  ///
  /// Three measurements there are three equations; the fourth is that a row of logits is 49152 · 576 multiplications and a
  /// token's way through the layers 30 · (2 · 576² + 2 · 576 · 192 + 3 · 576 · 1536), so `perRow` = 4/15 `perToken`:
  ///
  /// ```
  ///   decoding, token by token, seeing 80 positions on average      1 / 165.498 s = fixed +   1 token +     80 pairs + 1 row
  ///   a prompt of 128 tokens, in one step                         128 / 993.279 s = fixed + 128 tokens +  8256 pairs + 1 row
  ///   a prompt of 512 tokens, in two steps of 256                 512 / 905.951 s = 2 fixed + 512 tokens + 131328 pairs + 1 row
  /// ```
  public static let measured = StepCosts(fixed: 4.8183e-3, perToken: 9.2778e-4, perPair: 6.1103e-7, perRow: 2.4741e-4)

  /// Member of a file of costs, and the property that it sets.
  static var members: [(name: String, path: WritableKeyPath<StepCosts, Double>)] {
    [("fixed", \.fixed), ("per_token", \.perToken), ("per_pair", \.perPair), ("per_row", \.perRow)]
  }

  /// The most seconds that any of the four may be.
  public static let largestCost = 1000.0

  /// Reads `{"fixed": …, "per_token": …, "per_pair": …, "per_row": …}`, in seconds; what is absent costs nothing.
  /// - Throws: `JSONError` when the text is not such an object: it has another member, none, or one that is no number from
  ///   0 to 1000.
  public init(json text: [UInt8]) throws(JSONError) {
    let document = try JSONValue(parsing: text, refusingDuplicateKeys: true)
    func failure(_ reason: String) -> JSONError { JSONError(offset: 0, line: 1, column: 1, reason: reason) }
    let names = Self.members.map(\.name).joined(separator: ", ")
    guard let object = document.object, object.count > 0 else {
      throw failure("expected an object with \(names), found \(document.kind)")
    }
    self.init(fixed: 0, perToken: 0, perPair: 0, perRow: 0)
    for (key, value) in object.members {
      guard let member = Self.members.first(where: { $0.name == key }) else {
        throw failure("\"\(key)\" is not a cost; the costs are \(names)")
      }
      guard let seconds = value.double, seconds >= 0, seconds <= Self.largestCost else {
        throw failure("\(key) is \(value.compact); it must be a number of seconds from 0 to 1000")
      }
      self[keyPath: member.path] = seconds
    }
  }

  /// The four as `init(json:)` reads them.
  public var json: JSONValue {
    .object(JSONObject(Self.members.map { ($0.name, .double(self[keyPath: $0.path])) }))
  }
}
