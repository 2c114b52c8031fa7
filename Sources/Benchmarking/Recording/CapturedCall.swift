import Checkpoints
import KernelRuntime
import Tensors
import Traces

/// One call as it will be written: the sizes of the variable axes and what is kept of each input.
struct CapturedCall: Sendable {
  enum Input: Sendable {
    case random
    case scalar(ScalarValue)
    case tensor(SafetensorsWriter.Array)
  }

  let definition: Definition
  let axes: OrderedMap<Int>
  let inputs: OrderedMap<Input>

  /// Bytes that a captured call takes in memory, tensors aside, at most: an estimate.
  static let overhead = 1024

  /// The content's own name: equal calls have the same, in every run.
  var uuid: String {
    var content: [UInt8] = []
    func append(_ text: String) {
      append(text.utf8.count)
      content += Array(text.utf8)
    }
    func append(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { content += $0 } }
    append(definition.name)
    for (name, size) in axes {
      append(name)
      append(size)
    }
    for (name, input) in inputs {
      append(name)
      switch input {
      case .random: append("random")
      case .scalar(.int(let value)):
        append("int")
        append(value)
      case .scalar(.float(let value)):
        append("float")
        append((value.isNaN ? .nan : value).bitPattern)
      case .scalar(.bool(let value)): append(value ? "true" : "false")
      case .tensor(let tensor):
        append(tensor.type.rawValue)
        append(tensor.shape.count)
        for extent in tensor.shape { append(extent) }
        content += tensor.bytes
      }
    }
    return UUIDv5.text(of: content)
  }

  /// What has to be kept in a file beside the workload's line, in the definition's order.
  var tensors: [SafetensorsWriter.Array] {
    inputs.compactMap { if case .tensor(let tensor) = $0.value { tensor } else { nil } }
  }

  /// The line of the workload.
  /// - blob: where the tensors are, relative to the set's root.
  func trace(uuid: String, blob: String) throws(SchemaError) -> Trace {
    var listed: OrderedMap<WorkloadInput> = [:]
    for (name, input) in inputs {
      switch input {
      case .random: listed[name] = .random
      case .scalar(let value): listed[name] = .scalar(value)
      case .tensor: listed[name] = .safetensors(path: blob, tensorKey: name)
      }
    }
    return try Trace(definition: definition.name, workload: Workload(uuid: uuid, axes: axes, inputs: listed))
  }
}

/// What a capture would take, found out before anything is copied.
struct CapturePlan {
  enum Source {
    case random
    case scalar(ScalarValue)
    case tensor(SafetensorsWriter.ElementType, Tensor)
  }

  private let definition: Definition
  private let axes: OrderedMap<Int>
  private var sources: [(String, Source)] = []
  private(set) var byteCount = CapturedCall.overhead

  /// - arguments: the definition's inputs without the constant ones, then its outputs.
  /// - axes: sizes of the variable axes in the definition's order.
  /// - Returns: nil when the call cannot be made again from a file: a tensor to be kept is not in host memory, or an
  ///   axis's size is not to be had from the inputs.
  init?(_ call: KernelCall, _ rule: RecordingPolicy.Rule, _ arguments: [KernelArgument], _ axes: [Int]) {
    definition = call.definition
    let names = definition.varAxes
    guard names.count == axes.count else { return nil }
    var sizes: OrderedMap<Int> = [:]
    for (name, size) in zip(names, axes) {
      guard let size = size >= 0 ? size : Self.size(of: name, call) else { return nil }
      sizes[name] = size
    }
    self.axes = sizes
    var next = arguments.startIndex
    for (name, spec) in definition.inputs {
      if call.constants[name] != nil {
        sources.append((name, .random))
        continue
      }
      guard next < arguments.endIndex, let source = Self.source(name, spec, arguments[next], rule) else { return nil }
      next += 1
      if case .tensor(_, let tensor) = source { byteCount += tensor.byteCount }
      sources.append((name, source))
    }
  }

  /// An axis that only constant inputs have.
  private static func size(of axis: String, _ call: KernelCall) -> Int? {
    for (name, tensor) in call.constants {
      guard let dimension = call.definition.inputs[name]?.shape?.firstIndex(of: axis) else { continue }
      if dimension < tensor.shape.rank { return tensor.shape[dimension] }
    }
    return nil
  }

  private static func source(
    _ name: String, _ spec: TensorSpec, _ argument: KernelArgument, _ rule: RecordingPolicy.Rule
  ) -> Source? {
    switch argument {
    case .scalar(let value):
      guard spec.isScalar else { return nil }
      return .scalar(ScalarValue(value, as: spec.dtype))
    case .tensor(let tensor):
      let capture = rule.inputs[name] ?? (spec.dtype.isFloatingPoint ? rule.floats : rule.integers)
      guard capture == .dump else { return .random }
      guard !spec.isScalar, tensor.device == .cpu, let type = SafetensorsWriter.ElementType(tensor.dtype) else {
        return nil
      }
      return .tensor(type, tensor)
    }
  }

  /// Copies what is to be kept.
  func captured() -> CapturedCall {
    var inputs: OrderedMap<CapturedCall.Input> = [:]
    for (name, source) in sources {
      switch source {
      case .random: inputs[name] = .random
      case .scalar(let value): inputs[name] = .scalar(value)
      case .tensor(let type, let tensor):
        inputs[name] = .tensor(
          SafetensorsWriter.Array(name: name, type: type, shape: tensor.shape.array, bytes: tensor.rowMajorBytes()))
      }
    }
    return CapturedCall(definition: definition, axes: axes, inputs: inputs)
  }
}

extension ScalarValue {
  /// A host scalar in the kind of its definition.
  init(_ value: Double, as dtype: DType) {
    if dtype == .bool {
      self = .bool(value != 0)
    } else if !dtype.isFloatingPoint, let integer = Int(exactly: value) {
      self = .int(integer)
    } else {
      self = .float(value)
    }
  }
}

extension SafetensorsWriter.ElementType {
  /// Nil for types of less than a byte.
  init?(_ dtype: DType) {
    switch dtype {
    case .float32: self = .f32
    case .float16: self = .f16
    case .bfloat16: self = .bf16
    case .float8_e4m3fn: self = .f8e4m3
    case .float8_e5m2: self = .f8e5m2
    case .int64: self = .i64
    case .int32: self = .i32
    case .int16: self = .i16
    case .int8: self = .i8
    case .bool: self = .bool
    case .float4_e2m1: return nil
    }
  }
}

extension Tensor {
  /// A copy of the elements, row after row, also of a view whose rows lie apart.
  /// - Precondition: on the CPU, of whole bytes.
  fileprivate func rowMajorBytes() -> [UInt8] {
    if isContiguous { return [UInt8](UnsafeRawBufferPointer(start: pointer, count: byteCount)) }
    let size = dtype.bitWidth / 8, width = shape[shape.rank - 1], gap = strides[shape.rank - 1]
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount)
    var index = [Int](repeating: 0, count: shape.rank)
    for _ in 0..<(width == 0 ? 0 : count / width) {
      var offset = 0
      for axis in 0..<(shape.rank - 1) { offset += index[axis] * strides[axis] }
      if gap == 1 { bytes += UnsafeRawBufferPointer(start: pointer + offset * size, count: width * size) }
      for column in 0..<(gap == 1 ? 0 : width) {
        bytes += UnsafeRawBufferPointer(start: pointer + (offset + column * gap) * size, count: size)
      }
      for axis in stride(from: shape.rank - 2, through: 0, by: -1) {
        index[axis] += 1
        if index[axis] < shape[axis] { break }
        index[axis] = 0
      }
    }
    return bytes
  }
}
