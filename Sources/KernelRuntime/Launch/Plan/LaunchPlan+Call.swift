import CUDADriver
import Tensors

extension LaunchPlan {
  /// Computes sizes, fills parameters and queues each launch.
  /// - scratch: gives memory on the device for a number of bytes, 256-byte aligned, until the next call asks.
  /// - Throws: `signatureMismatch` for arguments that do not fit, `runFailed` for sizes that cannot be launched and for what
  ///   the driver says.
  func run(
    _ given: [KernelArgument], on stream: DriverStream,
    scratch takeScratch: (Int) throws(CUDAError) -> UInt64
  ) throws(KernelError) {
    guard given.count == arguments.givenCount else { throw mismatch(given) }
    let tableBytes = template.count * 8, addressBytes = (uses.count + scratch.count) * 8
    let failure: KernelError? = withUnsafeTemporaryAllocation(
      byteCount: tableBytes + addressBytes, alignment: 8
    ) { memory in
      guard let base = memory.baseAddress else { return nil }
      let table = base.initializeMemory(as: Int.self, from: template, count: template.count)
      let addresses = (base + tableBytes).initializeMemory(
        as: UInt64.self, repeating: 0, count: uses.count + self.scratch.count)
      do throws(KernelError) {
        try read(given, table, addresses)
        try compute(table)
        let offsets = try scratchBytes(table, addresses + uses.count)
        try queue(given, table, addresses, offsets, on: stream, takeScratch)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  // MARK: arguments

  /// Fills axes, strides and addresses, and checks all of them.
  private func read(
    _ given: [KernelArgument], _ table: UnsafeMutablePointer<Int>, _ addresses: UnsafeMutablePointer<UInt64>
  ) throws(KernelError) {
    // A size of -1 is one that no tensor has said yet.
    for use in uses { for axis in use.axes where axis < 0 { table[-1 - axis] = -1 } }
    for (index, use) in uses.enumerated() {
      let tensor: Tensor
      if use.position < 0 {
        tensor = constants[-1 - use.position]
      } else {
        switch given[use.position] {
        case .scalar:
          if !use.isScalar { throw mismatch(given) }
          continue
        case .tensor(let argument): tensor = argument
        }
      }
      guard !use.isScalar, tensor.dtype == use.dtype, tensor.shape.rank == use.axes.count, tensor.device == device
      else { throw mismatch(given) }
      var expected = 1
      for axis in stride(from: use.axes.count - 1, through: 0, by: -1) {
        let size = tensor.shape[axis], wanted = use.axes[axis]
        if wanted >= 0 {
          if size != wanted { throw mismatch(given) }
        } else if table[-1 - wanted] < 0 {
          table[-1 - wanted] = size
        } else if table[-1 - wanted] != size {
          throw mismatch(given)
        }
        if size != 1, tensor.strides[axis] != expected, tensor.count > 0, axis > 0 || !use.mayBeStrided {
          throw mismatch(given)
        }
        expected &*= size
      }
      for (axis, place) in use.strides {
        // Of an axis with one index or none the stride means nothing: the contiguous one is as good, and never overlaps.
        table[place] = tensor.shape[axis] > 1 ? tensor.strides[axis] : Self.contiguousStride(tensor.shape, axis)
      }
      let address = UInt64(UInt(bitPattern: tensor.pointer))
      if address % 16 != 0 && tensor.count > 0 {
        throw error(
          .signatureMismatch,
          "\(use.name) begins at an address that is no multiple of 16 bytes, which kernels for GPUs rely on")
      }
      addresses[index] = address
    }
  }

  private static func contiguousStride(_ shape: Shape, _ axis: Int) -> Int {
    var product = 1
    for i in stride(from: shape.rank - 1, to: axis, by: -1) { product &*= shape[i] }
    return product
  }

  // MARK: sizes

  func value(
    _ expression: LaunchExpression, _ table: UnsafePointer<Int>, _ what: @autoclosure () -> String
  ) throws(KernelError) -> Int {
    do throws(LaunchExpressionError) {
      return try expression.evaluate(in: table)
    } catch {
      throw self.error(.runFailed, "\(what()): \(error)")
    }
  }

  private func compute(_ table: UnsafeMutablePointer<Int>) throws(KernelError) {
    for item in lets { table[item.place] = try value(item.value, table, item.name) }
  }

  /// Where each piece of scratch memory begins; the total comes back.
  private func scratchBytes(
    _ table: UnsafePointer<Int>, _ offsets: UnsafeMutablePointer<UInt64>
  ) throws(KernelError) -> Int {
    var total = 0
    for (index, piece) in scratch.enumerated() {
      let bytes = try value(piece.value, table, "scratch \(piece.name)")
      let limit = 1 << 48
      guard bytes >= 0, bytes < limit, total < limit else {
        throw error(.runFailed, "scratch \(piece.name) = \(piece.value) is \(bytes) bytes")
      }
      offsets[index] = UInt64(total)
      total += (bytes + 255) / 256 * 256
    }
    return total
  }

  /// One part of a grid or a block.
  private func size(
    _ launch: PlannedLaunch, _ what: StaticString, _ axis: Int, _ expression: LaunchExpression, limit: Int,
    _ table: UnsafePointer<Int>
  ) throws(KernelError) -> UInt32 {
    let size = try value(expression, table, "\(what)[\(axis)] of \(launch.entry)")
    if size < 0 || size > limit {
      throw error(
        .runFailed, "\(launch.entry): \(what)[\(axis)] = \(expression) is \(size); there may be 0 to \(limit)")
    }
    return UInt32(size)
  }

  // MARK: launches

  private func queue(
    _ given: [KernelArgument], _ table: UnsafePointer<Int>, _ addresses: UnsafeMutablePointer<UInt64>,
    _ scratchBytes: Int, on stream: DriverStream, _ takeScratch: (Int) throws(CUDAError) -> UInt64
  ) throws(KernelError) {
    do throws(CUDAError) {
      for pair in inPlace where addresses[pair.output] != addresses[pair.input] {
        try copy(tensor(pair.input, given), to: tensor(pair.output, given), on: stream)
      }
      if !scratch.isEmpty {
        let base = try takeScratch(max(scratchBytes, 256))
        for index in 0..<scratch.count { addresses[uses.count + index] += base }
      }
    } catch {
      throw self.error(.runFailed, error.description)
    }
    for launch in launches {
      if let when = launch.when, try value(when, table, "when of \(launch.entry)") == 0 { continue }
      try queue(launch, given, table, addresses, on: stream)
    }
  }

  private func queue(
    _ launch: PlannedLaunch, _ given: [KernelArgument], _ table: UnsafePointer<Int>, _ addresses: UnsafePointer<UInt64>,
    on stream: DriverStream
  ) throws(KernelError) {
    let x = try size(launch, "grid", 0, launch.grid[0], limit: Int(Int32.max), table)
    let y = try size(launch, "grid", 1, launch.grid[1], limit: 65535, table)
    let z = try size(launch, "grid", 2, launch.grid[2], limit: 65535, table)
    if x == 0 || y == 0 || z == 0 { return }
    var configuration = LaunchConfiguration(
      grid: [x, y, z],
      block: [
        try size(launch, "block", 0, launch.block[0], limit: 1024, table),
        try size(launch, "block", 1, launch.block[1], limit: 1024, table),
        try size(launch, "block", 2, launch.block[2], limit: 64, table),
      ], cluster: launch.cluster, isProgrammatic: launch.isProgrammatic)
    let threads = Int(configuration.block.x) * Int(configuration.block.y) * Int(configuration.block.z)
    if threads < 1 || threads > 1024 {
      throw error(.runFailed, "\(launch.entry): a block of \(threads) threads; there may be 1 to 1024")
    }
    let shared = try value(launch.shared, table, "shared of \(launch.entry)")
    if shared < 0 || shared > launch.sharedLimit {
      throw error(
        .runFailed,
        "\(launch.entry): shared = \(launch.shared) is \(shared) bytes; there are \(launch.sharedLimit) on this device")
    }
    configuration.sharedBytes = UInt32(shared)
    if any(configuration.grid % configuration.cluster .!= 0) {
      throw error(
        .runFailed,
        "\(launch.entry): a grid of \(x), \(y), \(z) blocks is no multiple of clusters of "
          + "\(launch.cluster.x), \(launch.cluster.y), \(launch.cluster.z)")
    }
    try withParameters(of: launch, given, table, addresses, stream.context.driver) { (pointers) throws(KernelError) in
      do throws(CUDAError) {
        try stream.context.perform { () throws(CUDAError) in
          try stream.launch(launch.function, configuration, parameters: pointers)
        }
      } catch {
        throw self.error(.runFailed, "\(launch.entry): \(error)")
      }
    }
  }

  // MARK: in place

  private func tensor(_ index: Int, _ given: [KernelArgument]) -> Tensor {
    let position = uses[index].position
    return position < 0 ? constants[-1 - position] : given[position].tensor
  }

  /// Rows may lie apart in either.
  private func copy(_ source: Tensor, to destination: Tensor, on stream: DriverStream) throws(CUDAError) {
    let count = source.count
    if count == 0 { return }
    if device == .cpu {  // under emulation the driver has never heard of this memory
      let compact = Tensor(source.dtype, source.shape)
      StridedCopy.gather(source, into: compact.pointer)
      return StridedCopy.scatter(compact.pointer, to: destination)
    }
    func address(_ tensor: Tensor) -> UInt64 { UInt64(UInt(bitPattern: tensor.pointer)) }
    if source.isContiguous && destination.isContiguous {
      return try stream.copy(from: address(source), to: address(destination), byteCount: source.byteCount)
    }
    let rows = source.shape[0], row = source.dtype.byteCount(of: count / rows)
    let step = source.dtype.byteCount(of: source.strides[0]),
      other = destination.dtype.byteCount(of: destination.strides[0])
    for index in 0..<rows {
      try stream.copy(
        from: address(source) + UInt64(index * step), to: address(destination) + UInt64(index * other), byteCount: row)
    }
  }
}
