import JSONText

extension Evaluation {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> Evaluation? {
    guard let object = reader.record(value) else { return nil }
    let before = reader.diagnostics.count
    let status: Status? = reader.required(object, "status") { reader, value in
      guard let name = reader.string(value) else { return nil }
      let known = Status.allCases.map(\.rawValue).joined(separator: ", ")
      return Status(rawValue: name) ?? reader.fail(.enumeration, "expected one of \(known), found \"\(name)\"")
    }
    let environment = reader.required(object, "environment") { Environment.read($1, with: &$0) }
    let timestamp = reader.required(object, "timestamp") { $0.nonEmptyString($1) }
    let log = reader.defaulted(object, "log", "") { $0.string($1) }
    let correctness = reader.nullable(object, "correctness") { Correctness.read($1, with: &$0) }
    let performance = reader.nullable(object, "performance") { Performance.read($1, with: &$0) }
    guard reader.diagnostics.count == before, let status, let environment, let timestamp, let log, let correctness,
      let performance
    else { return nil }
    let evaluation = Evaluation(
      unchecked: status, environment: environment, timestamp: timestamp, log: log, correctness: correctness,
      performance: performance)
    if let reason = evaluation.statusProblem { return reader.fail(.valueError, reason) }
    return evaluation
  }

  var encoded: JSONValue {
    .object(
      JSONObject([
        ("status", .string(status.rawValue)), ("environment", environment.encoded), ("timestamp", .string(timestamp)),
        ("log", .string(log)), ("correctness", correctness?.encoded ?? .null),
        ("performance", performance?.encoded ?? .null),
      ]))
  }

  static let documentShape: DocumentShape = .record([
    "status": .leaf, "environment": .record(["hardware": .leaf, "libs": .map(.leaf)]), "timestamp": .leaf,
    "log": .leaf,
    "correctness": .record(["max_relative_error": .leaf, "max_absolute_error": .leaf, "extra": .leaf]),
    "performance": .record(["latency_ms": .leaf, "reference_latency_ms": .leaf, "speedup_factor": .leaf]),
  ])
}

extension Correctness {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> Correctness? {
    guard let object = reader.record(value) else { return nil }
    func error(_ field: String, _ reader: inout DocumentReader) -> Double? {
      reader.defaulted(object, field, 0) { reader, value in
        guard let error = reader.double(value) else { return nil }
        return error < 0 ? reader.fail(.greaterThanEqual, "expected at least 0 or NaN, found \(error)") : error
      }
    }
    let relative = error("max_relative_error", &reader)
    let absolute = error("max_absolute_error", &reader)
    let extra: JSONObject?? = reader.nullable(object, "extra") { reader, value in
      value.object ?? reader.fail(.dictType, "expected an object, found \(value.kind)")
    }
    guard let relative, let absolute, let extra else { return nil }
    return Correctness(maxRelativeError: relative, maxAbsoluteError: absolute, extra: extra)
  }

  var encoded: JSONValue {
    .object(
      JSONObject([
        ("max_relative_error", .trace(maxRelativeError)), ("max_absolute_error", .trace(maxAbsoluteError)),
        ("extra", extra.map { .object($0) } ?? .null),
      ]))
  }
}

extension Performance {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> Performance? {
    guard let object = reader.record(value) else { return nil }
    func time(_ field: String, _ reader: inout DocumentReader) -> Double? {
      reader.defaulted(object, field, 0) { reader, value in
        // FlashInfer-Bench writes infinity as null here, and refuses to read it back.
        guard let time = value.isNull ? .infinity : reader.double(value) else { return nil }
        return time >= 0 ? time : reader.fail(.greaterThanEqual, "expected at least 0, found \(time)")
      }
    }
    let latency = time("latency_ms", &reader)
    let reference = time("reference_latency_ms", &reader)
    let speedup = time("speedup_factor", &reader)
    guard let latency, let reference, let speedup else { return nil }
    return Performance(latencyMs: latency, referenceLatencyMs: reference, speedupFactor: speedup)
  }

  var encoded: JSONValue {
    .object(
      JSONObject([
        ("latency_ms", .trace(latencyMs)), ("reference_latency_ms", .trace(referenceLatencyMs)),
        ("speedup_factor", .trace(speedupFactor)),
      ]))
  }
}

extension Environment {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> Environment? {
    guard let object = reader.record(value) else { return nil }
    let hardware = reader.required(object, "hardware") { $0.nonEmptyString($1) }
    let libs = reader.defaulted(object, "libs", [:]) { $0.map($1) { $0.string($1) } }
    guard let hardware, let libs else { return nil }
    return Environment(hardware: hardware, libs: libs)
  }

  var encoded: JSONValue {
    .object(JSONObject([("hardware", .string(hardware)), ("libs", .map(libs) { .string($0) })]))
  }
}
