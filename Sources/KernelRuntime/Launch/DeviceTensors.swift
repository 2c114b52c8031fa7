import CUDADriver
import Tensors

extension CUDAContext {
  /// Memory on the device as a tensor's storage; freed with it.
  public func storage(byteCount: Int) throws(CUDAError) -> Storage {
    let memory = try allocate(byteCount: byteCount)
    guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(memory.address)) else {
      throw CUDAError(.invalid, call: "cuMemAlloc_v2", "the driver gave memory at address 0")
    }
    return Storage(
      borrowing: pointer, byteCount: byteCount, device: .cuda(ordinal: device.ordinal), owner: memory)
  }

  /// A contiguous tensor on the device. Contents undefined.
  public func tensor(_ dtype: DType, _ shape: Shape) throws(CUDAError) -> Tensor {
    Tensor(viewing: try storage(byteCount: dtype.byteCount(of: shape.count)), dtype, shape)
  }
}

extension CUDAStream {
  /// A contiguous tensor on the device. Contents undefined.
  public func tensor(_ dtype: DType, _ shape: Shape) throws(CUDAError) -> Tensor {
    try context.tensor(dtype, shape)
  }

  /// A copy on the device of a tensor on the CPU.
  public func tensor(copying source: Tensor) throws(CUDAError) -> Tensor {
    let copy = try tensor(source.dtype, source.shape)
    try self.copy(source, to: copy)
    return copy
  }

  /// A copy on the CPU of a tensor on the device; waits for the stream.
  public func hostCopy(of source: Tensor) throws(CUDAError) -> Tensor {
    let copy = Tensor(source.dtype, source.shape)
    try self.copy(source, to: copy)
    return copy
  }

  /// Copies elements between two tensors of one type and shape, each on this device or on the CPU. Rows may lie apart on
  /// one of them, not within a row. Waits where the CPU takes part.
  /// - Throws: `invalid` for tensors that do not fit each other.
  public func copy(_ source: Tensor, to destination: Tensor) throws(CUDAError) {
    guard source.dtype == destination.dtype, source.shape == destination.shape else {
      throw CUDAError(
        .invalid,
        "\(source.dtype.rawValue) \(source.shape) cannot be copied to \(destination.dtype.rawValue) "
          + "\(destination.shape)")
    }
    for tensor in [source, destination] where tensor.device != device && tensor.device != .cpu {
      throw CUDAError(.invalid, "a tensor on \(tensor.device) is copied by a stream on \(device)")
    }
    guard source.count > 0 else { return }
    if source.device == .cpu && destination.device == .cpu {
      let compact = Tensor(source.dtype, source.shape)
      StridedCopy.gather(source, into: compact.pointer)
      return StridedCopy.scatter(compact.pointer, to: destination)
    }
    try forEachRun(source, destination) { (from, to, count) throws(CUDAError) in
      if source.device == .cpu {
        try driverStream.copyIn(from: from, to: UInt64(UInt(bitPattern: to)), byteCount: count)
      } else if destination.device == .cpu {
        try driverStream.copyOut(from: UInt64(UInt(bitPattern: from)), to: to, byteCount: count)
      } else {
        try driverStream.copy(
          from: UInt64(UInt(bitPattern: from)), to: UInt64(UInt(bitPattern: to)), byteCount: count)
      }
    }
    if source.device == .cpu || destination.device == .cpu { try driverStream.synchronize() }
  }

  /// Calls for each run of bytes that lies together in both.
  private func forEachRun(
    _ source: Tensor, _ destination: Tensor,
    _ body: (UnsafeMutableRawPointer, UnsafeMutableRawPointer, Int) throws(CUDAError) -> Void
  ) throws(CUDAError) {
    if source.isContiguous && destination.isContiguous {
      return try body(source.pointer, destination.pointer, source.byteCount)
    }
    let rows = source.shape[0]
    for tensor in [source, destination] where !tensor.narrow(0, from: 0, count: 1).isContiguous {
      throw CUDAError(
        .invalid, "a tensor with the strides \(tensor.strides) for the shape \(tensor.shape) is not copied")
    }
    let bytes = source.byteCount / rows
    for row in 0..<rows {
      let from = source.narrow(0, from: row, count: 1), to = destination.narrow(0, from: row, count: 1)
      try body(from.pointer, to.pointer, bytes)
    }
  }
}
