import JSONText
import Traces

/// Rules as data.
///
///     {"preset": "flashinfer-bench",
///      "default": {"rule": "allclose-or", "rtol": 0.01, "atol": 0.01},
///      "outputs": {"output": {"rule": "allclose-and", "rtol": 1e-3, "atol": 1e-5, "required_matched_ratio": 0.99,
///                             "max_error_cap": 0.5, "cosine": 0.999, "non_finite": "matching"},
///                  "lse": {"rule": "ulp", "ulps": 4}, "samples": {"rule": "exact"}, "indices": {"rule": "same-set"}},
///      "sampling": {"trials": 100, "tvd": 0.2, "slack": 0.05},
///      "optional_outputs": ["lse"]}
///
/// SOL-ExecBench's `tolerance` object is read as it stands: `max_atol`, `max_rtol`, `required_matched_ratio`,
/// `max_error_cap`, `allow_negative_inf`.
extension ComparisonRules {
  /// - Throws: `invalidRule` naming the member: unknown ones, wrong kinds and values out of range are refused.
  public init(json: JSONValue) throws(WorkloadError) {
    let root = try RuleReader(json, "rules")
    if root.object["max_atol"] != nil || root.object["max_rtol"] != nil || root.object["allow_negative_inf"] != nil {
      self.init(preset: .solExecBench, fallback: try Self.tolerance(root))
      return
    }
    try root.expectOnly("preset", "default", "outputs", "sampling", "optional_outputs")
    var preset = ComparisonPreset.flashInferBench
    if let name = try root.string("preset") {
      guard let known = ComparisonPreset(rawValue: name) else {
        throw root.refuse(
          "preset", "\"\(name)\"", "one of \(ComparisonPreset.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      preset = known
    }
    self.init(preset: preset)
    if let value = root.object["default"] { fallback = try Self.rule(RuleReader(value, "default")) }
    if let value = root.object["outputs"] {
      for (name, rule) in try RuleReader(value, "outputs").object.members {
        outputs[name] = try Self.rule(RuleReader(rule, "outputs.\(name)"))
      }
    }
    if let value = root.object["sampling"] {
      let reader = try RuleReader(value, "sampling")
      try reader.expectOnly("trials", "tvd", "slack")
      sampling = SamplingRule(
        trials: try reader.integer("trials", 1...10_000_000) ?? 100, distance: try reader.number("tvd", 0...1) ?? 0.2,
        slack: try reader.number("slack", 0...1) ?? 0.05)
    }
    if let value = root.object["optional_outputs"] {
      guard let names = value.array?.map(\.string), !names.contains(nil) else {
        throw root.refuse("optional_outputs", value.kind, "an array of names")
      }
      optionalOutputs = names.compactMap { $0 }
    }
  }

  private static func tolerance(_ reader: RuleReader) throws(WorkloadError) -> OutputRule {
    try reader.expectOnly("max_atol", "max_rtol", "required_matched_ratio", "max_error_cap", "allow_negative_inf")
    let absolute = Float(try reader.number("max_atol", 0...1e30) ?? 0.01)
    let relative = Float(try reader.number("max_rtol", 0...1e30) ?? 0.01)
    return OutputRule(
      .sum(relative: relative, absolute: absolute),
      nonFinite: try reader.boolean("allow_negative_inf") == true ? .negativeInfinities : .refused,
      requiredRatio: try reader.ratio("required_matched_ratio") ?? 0.99,
      errorCap: try reader.number("max_error_cap", 0...1e300), leastDivisor: absolute, refusesAllZeros: true)
  }

  private static func rule(_ reader: RuleReader) throws(WorkloadError) -> OutputRule {
    try reader.expectOnly(
      "rule", "rtol", "atol", "ulps", "required_matched_ratio", "max_error_cap", "cosine", "non_finite",
      "refuse_all_zeros", "grow_with_reference")
    let relative = Float(try reader.number("rtol", 0...1e30) ?? 0.01)
    let absolute = Float(try reader.number("atol", 0...1e30) ?? 0.01)
    let name = try reader.string("rule") ?? "allclose-or"
    let kinds: [String: OutputRule.Closeness] = [
      "allclose-or": .either(relative: relative, absolute: absolute),
      "allclose-and": .sum(relative: relative, absolute: absolute),
      "ulp": .ulps(try reader.integer("ulps", 0...Int(Int32.max)) ?? 1), "exact": .exact, "same-set": .sameSet,
    ]
    guard let closeness = kinds[name] else {
      throw reader.refuse("rule", "\"\(name)\"", "allclose-or, allclose-and, ulp, exact or same-set")
    }
    var rule = OutputRule(closeness)
    if let text = try reader.string("non_finite") {
      guard let nonFinite = OutputRule.NonFinite(rawValue: text) else {
        let known = OutputRule.NonFinite.allCases.map(\.rawValue).joined(separator: ", ")
        throw reader.refuse("non_finite", "\"\(text)\"", "one of \(known)")
      }
      rule.nonFinite = nonFinite
    }
    rule.requiredRatio = try reader.ratio("required_matched_ratio") ?? 1
    rule.errorCap = try reader.number("max_error_cap", 0...1e300)
    rule.leastCosine = try reader.number("cosine", -1...1)
    rule.refusesAllZeros = try reader.boolean("refuse_all_zeros") ?? false
    rule.growsWithReference = try reader.boolean("grow_with_reference") ?? false
    return rule
  }
}

/// Reads members of one object, with the object's place in every message.
private struct RuleReader {
  let object: JSONObject
  let place: String

  init(_ value: JSONValue, _ place: String) throws(WorkloadError) {
    guard let object = value.object else {
      throw WorkloadError(.invalidRule, "\(place) is \(value.kind), expected an object")
    }
    (self.object, self.place) = (object, place)
  }

  func refuse(_ member: String, _ found: String, _ expected: String) -> WorkloadError {
    WorkloadError(.invalidRule, "\(place).\(member) is \(found), expected \(expected)")
  }

  func expectOnly(_ known: String...) throws(WorkloadError) {
    for key in object.keys where !known.contains(key) {
      throw WorkloadError(.invalidRule, "\(place) has no member \"\(key)\"; it has \(known.joined(separator: ", "))")
    }
  }

  /// Nil when the member is absent or null.
  private func value(_ member: String) -> JSONValue? { object[member].flatMap { $0.isNull ? nil : $0 } }

  func string(_ member: String) throws(WorkloadError) -> String? {
    guard let value = value(member) else { return nil }
    guard let text = value.string else { throw refuse(member, value.kind, "a string") }
    return text
  }

  func boolean(_ member: String) throws(WorkloadError) -> Bool? {
    guard let value = value(member) else { return nil }
    guard let bool = value.bool else { throw refuse(member, value.kind, "true or false") }
    return bool
  }

  func number(_ member: String, _ range: ClosedRange<Double>) throws(WorkloadError) -> Double? {
    guard let value = value(member) else { return nil }
    guard let number = value.double, range.contains(number) else {
      let found = value.double.map { "\($0)" } ?? value.kind
      throw refuse(member, found, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func ratio(_ member: String) throws(WorkloadError) -> Double? {
    guard let ratio = try number(member, 0...1) else { return nil }
    if ratio == 0 { throw refuse(member, "0", "more than 0, up to 1") }
    return ratio
  }

  func integer(_ member: String, _ range: ClosedRange<Int>) throws(WorkloadError) -> Int? {
    guard let value = value(member) else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw refuse(
        member, value.int.map(String.init) ?? value.kind, "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
