import Glibc
import KernelRuntime
import Tensors
import Traces

/// Everything one call of a definition needs: its inputs, made from a workload and a seed.
///
///     let inputs = try WorkloadInputs(definition, workload, seed: 1, root: traceSet.path)
///     let outputs = try inputs.outputTensors()
///     try kernel.run(inputs.arguments.values + outputs.values.map { .tensor($0) }, on: stream)
///
/// The same definition, workload and seed give the same bits. Random inputs are valid: indices point into what they
/// index, offsets rise to the end that the axes give, probabilities sum to 1 (`InputRecipe`).
public struct WorkloadInputs: Sendable {
  public let definition: Definition
  /// The values of the variable axes.
  public let axes: OrderedMap<Int>
  /// In the definition's order; tensors are contiguous and on the CPU.
  public var arguments: OrderedMap<KernelArgument>

  /// - Parameters:
  ///   - root: the folder that safetensors paths are relative to; without it a workload that names a file is refused.
  ///   - synthesizesMissing: makes inputs as if they were random where their file is not there.
  ///   - byteLimit: the most that inputs and outputs together may take; three quarters of this machine's memory by default.
  /// - Throws: `signature` when axes are missing or contradict the definition or a scalar is of the wrong kind, `limit`,
  ///   `file`, `invalidRule`, and `constraint` when one of the definition's constraints does not hold.
  public init(
    _ definition: Definition, _ workload: Workload, seed: UInt64, root: String? = nil, synthesizesMissing: Bool = false,
    byteLimit: Int? = nil
  ) throws(WorkloadError) {
    self.definition = definition
    do { axes = try definition.variableAxes(of: workload) } catch {
      throw WorkloadError(.signature, definition: definition.name, "\(error)")
    }
    for name in workload.inputs.names where definition.inputs[name] == nil {
      throw WorkloadError(
        .signature, definition: definition.name, subject: name,
        "the workload gives an input of that name, the definition has \(definition.inputs.names.joined(separator: ", "))"
      )
    }
    let shapes = try CallShapes(definition, axes, byteLimit: byteLimit ?? Self.defaultByteLimit)
    var found: [String: KernelArgument] = [:]
    // What is given first: generated offsets follow given ones.
    for ((name, spec), shape) in zip(definition.inputs, shapes.inputs) {
      switch workload.inputs[name] ?? .random {
      case .random: break
      case .scalar(let value):
        if shape != nil {
          throw WorkloadError(
            .signature, definition: definition.name, subject: name,
            "the workload gives a scalar, the definition a tensor [\(spec.shape?.joined(separator: ", ") ?? "")]")
        }
        found[name] = .scalar(value.double)
      case .safetensors(let path, let key):
        guard let shape else {
          throw WorkloadError(
            .signature, definition: definition.name, subject: name,
            "the workload names a file, the definition has a host scalar here")
        }
        do throws(WorkloadError) {
          found[name] = .tensor(try WorkloadTensorFile.read(path, key: key, root: root, spec.dtype, shape))
        } catch {
          if synthesizesMissing { continue }
          throw WorkloadError(error.code, definition: definition.name, subject: name, error.reason)
        }
      }
    }
    let generator = InputGenerator(definition, axes: axes, shapes: shapes, given: found, seed: seed)
    arguments = [:]
    for ((name, spec), shape) in zip(definition.inputs, shapes.inputs) {
      if let given = found[name] {
        arguments[name] = given
      } else if let shape {
        arguments[name] = .tensor(try generator.tensor(name, spec.dtype, shape))
      } else {
        arguments[name] = .scalar(ScalarDefaults.value(of: name, spec.dtype, definition, axes))
      }
    }
    try checkConstraints()
  }

  /// Zeroed tensors for the outputs, in order; a host scalar becomes a tensor without dimensions.
  /// - Throws: `limit` when they do not fit beside the inputs.
  public func outputTensors() throws(WorkloadError) -> OrderedMap<Tensor> {
    let shapes = try CallShapes(definition, axes, byteLimit: .max)
    var outputs = OrderedMap<Tensor>()
    for ((name, spec), shape) in zip(definition.outputs, shapes.outputs) {
      outputs[name] = Tensor(spec.dtype, shape ?? [])
    }
    return outputs
  }

  static var defaultByteLimit: Int {
    let pages = Int(sysconf(Int32(_SC_PHYS_PAGES))), size = Int(sysconf(Int32(_SC_PAGESIZE)))
    return pages > 0 && size > 0 ? pages / 4 * 3 * size : 8 << 30
  }

  /// A tensor argument by name; nil for scalars.
  func tensor(_ name: String) -> Tensor? {
    guard case .tensor(let tensor)? = arguments[name] else { return nil }
    return tensor
  }
}

/// The shapes of a call's tensors, checked to be of a size that this process can hold.
struct CallShapes {
  /// In the definition's order; nil for host scalars.
  let inputs: [Shape?], outputs: [Shape?]

  init(_ definition: Definition, _ axes: OrderedMap<Int>, byteLimit: Int) throws(WorkloadError) {
    var bytes = 0
    func checked(_ specs: OrderedMap<TensorSpec>, _ extents: [[Int]?]) throws(WorkloadError) -> [Shape?] {
      var shapes: [Shape?] = []
      for ((name, spec), extents) in zip(specs, extents) {
        guard let extents else {
          shapes.append(nil)
          continue
        }
        func refuse(_ code: WorkloadError.Code, _ reason: String) -> WorkloadError {
          WorkloadError(code, definition: definition.name, subject: name, reason)
        }
        guard extents.count <= Shape.maximumRank else {
          throw refuse(.limit, "has \(extents.count) axes, tensors have at most \(Shape.maximumRank)")
        }
        // Zero extents do not make the others harmless: strides are products of them.
        var count = 1
        for extent in extents {
          guard extent >= 0 else { throw refuse(.signature, "has a negative extent in \(extents)") }
          let (product, overflow) = count.multipliedReportingOverflow(by: max(1, extent))
          guard !overflow, product <= Int.max / 64 else {
            throw refuse(.limit, "shape \(extents) has too many elements")
          }
          count = product
        }
        bytes = bytes.addingReportingOverflow(extents.contains(0) ? 0 : spec.dtype.byteCount(of: count)).partialValue
        guard bytes >= 0, bytes <= byteLimit else {
          throw refuse(
            .limit,
            "with shape \(extents) of \(spec.dtype.rawValue) the call takes more than the \(byteLimit >> 20) MiB "
              + "allowed; use smaller axes")
        }
        shapes.append(Shape(extents))
      }
      return shapes
    }
    do {
      inputs = try checked(definition.inputs, try definition.inputShapes(axes: axes))
      outputs = try checked(definition.outputs, try definition.outputShapes(axes: axes))
    } catch let error as WorkloadError {
      throw error
    } catch {
      throw WorkloadError(.signature, definition: definition.name, "\(error)")
    }
  }
}

/// Host scalars that a workload does not give.
enum ScalarDefaults {
  static func value(of name: String, _ dtype: DType, _ definition: Definition, _ axes: OrderedMap<Int>) -> Double {
    func axis(_ names: String...) -> Double? {
      names.lazy.compactMap { definition.axes[$0]?.value }.first { $0 > 0 }.map(Double.init)
    }
    switch name {
    case "sm_scale", "scale", "softmax_scale":
      if axis("head_dim_ckv") != nil { return 1 / (128 + (axis("head_dim_kpe") ?? 64)).squareRoot() }
      return 1 / (axis("head_dim", "qk_dim", "head_size") ?? 64).squareRoot()
    case "eps", "epsilon": return 1e-5
    case "routed_scaling_factor": return 2.5
    case "local_expert_offset": return 0
    default: return 1
    }
  }
}
