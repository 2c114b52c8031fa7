import CUDADriver
import KernelRuntime
import Tensors
import Traces

/// The arguments of calls of one workload, on a GPU: several sets at addresses of their own, so that a call finds nothing of
/// the one before in the second-level cache.
struct DeviceArguments {
  let sets: [[KernelArgument]]
  /// Elements that are made at random; larger tensors repeat them.
  private static let most = 1 << 24

  /// - byteLimit: of all sets together.
  /// - isShuffled: whether pages and slots lie in an order that looks random.
  /// - Throws: what the driver says, `WorkloadError` for inputs that no recipe makes.
  init(_ workload: DeviceWorkload, byteLimit: Int, isShuffled: Bool = true, on stream: CUDAStream) throws {
    let definition = workload.definition
    let shapes = try CallShapes(definition, workload.axes, byteLimit: byteLimit)
    var first: [(spec: TensorSpec, tensor: Tensor)?] = [], bytes = 0
    for ((name, spec), shape) in zip(definition.inputs, shapes.inputs) {
      guard let shape else {
        first.append(nil)
        continue
      }
      let tensor = try stream.tensor(spec.dtype, shape)
      try Self.fill(tensor, name, workload, isShuffled, stream)
      first.append((spec, tensor))
      bytes += tensor.byteCount
    }
    for ((_, spec), shape) in zip(definition.outputs, shapes.outputs) {
      bytes += spec.dtype.byteCount(of: (shape ?? []).count)
    }
    let enough = 4 * stream.context.device.cacheBytes / max(1, bytes) + 1
    let count = max(1, min(enough, 32, byteLimit / max(1, bytes)))
    let aliases = definition.inPlaceInputs
    sets = try (0..<count).map { number in
      var made: [String: KernelArgument] = [:], arguments: [KernelArgument] = []
      for (name, tensor) in zip(definition.inputs.names, first) {
        guard let (spec, tensor) = tensor else {
          let value = ScalarDefaults.value(
            of: name, definition.inputs[name]?.dtype ?? .float32, definition, workload.axes)
          arguments.append(.scalar(value))
          continue
        }
        var own = tensor
        if number > 0 {
          own = try stream.tensor(spec.dtype, tensor.shape)
          try stream.copy(tensor, to: own)
        }
        made[name] = .tensor(own)
        arguments.append(.tensor(own))
      }
      for ((name, spec), shape) in zip(definition.outputs, shapes.outputs) {
        if let alias = aliases[name], let input = made[alias] {
          arguments.append(input)
        } else {
          arguments.append(.tensor(try stream.tensor(spec.dtype, shape ?? [])))
        }
      }
      return arguments
    }
    try stream.synchronize()
  }

  /// - tensor: on the device.
  private static func fill(
    _ tensor: Tensor, _ name: String, _ workload: DeviceWorkload, _ isShuffled: Bool, _ stream: CUDAStream
  ) throws {
    if let numbers = indices(name, tensor.count, workload, isShuffled) {
      return try stream.copy(Tensor(numbers, tensor.shape), to: tensor)
    }
    let generator = InputGenerator(
      workload.definition, axes: workload.axes,
      shapes: try CallShapes(workload.definition, workload.axes, byteLimit: .max), given: [:], seed: 1)
    // Whole rows, so that recipes that look at a row's width find it.
    let rows = tensor.shape.rank == 0 ? 1 : tensor.shape[0], row = rows == 0 ? 1 : tensor.count / rows
    let part = min(rows, max(1, most / max(1, row)))
    if part == rows {
      return try stream.copy(generator.tensor(name, tensor.dtype, tensor.shape), to: tensor)
    }
    let some = try generator.tensor(
      name, tensor.dtype, Shape([part] + (1..<tensor.shape.rank).map { tensor.shape[$0] }))
    let upload = try stream.tensor(copying: some)
    var from = 0
    while from < rows {
      let count = min(part, rows - from)
      try stream.copy(upload.narrow(0, from: 0, count: count), to: tensor.narrow(0, from: from, count: count))
      from += count
    }
  }

  /// Sequences of equal length whose pages lie anywhere; nil for what is no index.
  private static func indices(
    _ name: String, _ count: Int, _ workload: DeviceWorkload, _ isShuffled: Bool
  ) -> [Int32]? {
    func places(below limit: Int) -> [Int32] {
      isShuffled ? shuffled(count, below: limit) : (0..<count).map { Int32($0 % max(1, limit)) }
    }
    let definition = workload.definition, page = max(1, definition.axes["page_size"]?.value ?? 1)
    let isPaged = definition.axes["page_size"] != nil
    func even(_ total: Int) -> [Int32] { (0..<count).map { Int32(total / max(1, count - 1) * $0) } }
    switch name {
    case "qo_indptr": return even(workload.axes["total_q"] ?? 0)
    case "kv_indptr": return even(isPaged ? workload.axes["num_kv_indices"] ?? 0 : workload.axes["total_kv"] ?? 0)
    case "kv_indices": return places(below: count)
    case "kv_last_page_len": return [Int32](repeating: Int32((workload.context - 1) % page + 1), count: count)
    case "slots": return places(below: (workload.axes["num_pages"] ?? 1) * page)
    case "tokens" where !isShuffled: return places(below: definition.axes["vocab_size"]?.value ?? 1)
    default: return nil
    }
  }

  /// Different numbers in an order that looks random: multiples of a number that shares no factor with `limit`.
  private static func shuffled(_ count: Int, below limit: Int) -> [Int32] {
    func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
    var step = max(1, Int(Double(limit) * 0.618))
    while divisor(step, limit) > 1 { step += 1 }
    return (0..<count).map { Int32($0 * step % max(1, limit)) }
  }
}
