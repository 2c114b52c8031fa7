/// What is wrong with a workload, seen from its definition.
struct WorkloadCheck {
  struct Problem {
    var level = Finding.Level.error
    let path: String?, reason: String
  }
  private(set) var problems: [Problem] = []

  init(_ workload: Workload, _ definition: Definition, _ set: TraceSet) {
    checkAxes(workload, definition)
    checkInputs(workload, definition, set)
    if !problems.contains(where: { $0.level == .error }) { checkConstraints(workload, definition) }
  }

  private mutating func add(_ path: String?, _ reason: String) { problems.append(Problem(path: path, reason: reason)) }

  private mutating func checkAxes(_ workload: Workload, _ definition: Definition) {
    for axis in definition.varAxes where workload.axes[axis] == nil {
      add("workload.axes", "the variable axis \(axis) is missing")
    }
    for (axis, size) in workload.axes {
      let path = "workload.axes.\(axis)"
      guard let known = definition.axes[axis] else {
        add(path, "\(definition.name) has no such axis; it has \(definition.varAxes.joined(separator: ", "))")
        continue
      }
      if let constant = known.value, constant != size {
        add(path, "it is \(size), but the definition holds it constant at \(constant)")
      }
    }
  }

  private mutating func checkInputs(_ workload: Workload, _ definition: Definition, _ set: TraceSet) {
    for (name, input) in workload.inputs {
      let path = "workload.inputs.\(name)"
      guard let spec = definition.inputs[name] else {
        add(path, "\(definition.name) has no such input; it has \(definition.inputs.names.joined(separator: ", "))")
        continue
      }
      switch (input, spec.shape) {
      case (.scalar, .some(let shape)):
        // FlashInfer-Bench does not look at this; the benchmark here refuses both.
        problems.append(
          Problem(
            level: shape.isEmpty ? .warning : .error, path: path,
            reason: "it is a tensor [\(shape.joined(separator: ", "))], found a scalar"))
      case (.scalar(let value), nil):
        if let expected = Self.kindProblem(value, spec) { add(path, expected) }
      case (.safetensors, nil): add(path, "it is a host scalar, found a tensor in a file")
      case (.safetensors(let file, let key), .some(let shape)):
        let sizes = shape.map { definition.axes[$0]?.value ?? workload.axes[$0] }
        if let reason = blobProblem(file, key, spec, sizes, set) { add(path, reason) }
      default: break
      }
    }
  }

  /// Why a scalar is not of its input's element type; nil if it is.
  private static func kindProblem(_ value: ScalarValue, _ spec: TensorSpec) -> String? {
    let dtype = spec.dtype
    switch value {
    case .bool: return dtype == .bool ? nil : "it is \(dtype.rawValue), found a boolean"
    case .int, .float:
      if dtype == .bool { return "it is a boolean, found \(value.double)" }
      let isWhole = dtype.isFloatingPoint || value.double == value.double.rounded(.towardZero)
      return isWhole ? nil : "it is \(dtype.rawValue), found \(value.double)"
    }
  }

  /// The tensor's file must be there, and hold the key with the right type and shape.
  private func blobProblem(
    _ file: String, _ key: String, _ spec: TensorSpec, _ sizes: [Int?], _ set: TraceSet
  ) -> String? {
    let path: String
    do throws(SchemaError) { path = try set.resolveBlob(file) } catch {
      return "\(file): " + error.diagnostics.map(\.reason).joined(separator: "; ")
    }
    do throws(SchemaError) {
      let header = try TensorFileHeader(path: path)
      guard let entry = header.entries[key] else {
        return "\(file) has no tensor \(key); it has \(header.entries.keys.sorted().joined(separator: ", "))"
      }
      if let expected = TensorFileHeader.fileName(of: spec.dtype.rawValue), entry.dtype != expected {
        return "\(key) in \(file) is \(entry.dtype), expected \(expected)"
      }
      let known = sizes.compactMap { $0 }
      if known.count == sizes.count, known != entry.shape {
        return "\(key) in \(file) has the shape \(entry.shape), expected \(known)"
      }
      return nil
    } catch {
      return "\(file): \(error.diagnostics.map(\.reason).joined(separator: "; "))"
    }
  }

  private mutating func checkConstraints(_ workload: Workload, _ definition: Definition) {
    var scalars: [String: ScalarValue] = [:]
    for (name, input) in workload.inputs { if case .scalar(let value) = input { scalars[name] = value } }
    for result in definition.evaluateConstraints(axes: workload.axes, scalars: scalars)
    where result.outcome == .violated {
      add("workload.axes", "the constraint does not hold: \(result.constraint)")
    }
  }
}
