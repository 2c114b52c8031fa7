import Tensors

/// Copies between a tensor, whose rows may lie apart, and the same elements without gaps.
enum StridedCopy {
  /// Writes the elements in row-major order to `destination`, which has room for `tensor.byteCount` bytes.
  /// - Precondition: contiguous, or elements of whole bytes.
  static func gather(_ tensor: Tensor, into destination: UnsafeMutableRawPointer) {
    forEachRun(of: tensor) { offset, position, count in
      (destination + position).copyMemory(from: tensor.pointer + offset, byteCount: count)
    }
  }

  /// The reverse of `gather`.
  static func scatter(_ source: UnsafeRawPointer, to tensor: Tensor) {
    forEachRun(of: tensor) { offset, position, count in
      (tensor.pointer + offset).copyMemory(from: source + position, byteCount: count)
    }
  }

  /// Calls with the byte offset in the tensor, the byte offset without gaps, and the length in bytes of each run.
  private static func forEachRun(of tensor: Tensor, _ body: (Int, Int, Int) -> Void) {
    guard tensor.count > 0 else { return }
    if tensor.isContiguous { return body(0, 0, tensor.byteCount) }
    // The innermost axes that lie together are one run.
    let rank = tensor.shape.rank, width = tensor.dtype.bitWidth / 8
    var outer = rank, run = 1
    while outer > 0, tensor.shape[outer - 1] == 1 || tensor.strides[outer - 1] == run {
      run *= tensor.shape[outer - 1]
      outer -= 1
    }
    var index = [Int](repeating: 0, count: outer)
    var position = 0
    while true {
      let offset = (0..<outer).reduce(0) { $0 + index[$1] * tensor.strides[$1] }
      body(offset * width, position, run * width)
      position += run * width
      var axis = outer - 1
      while axis >= 0 {
        index[axis] += 1
        if index[axis] < tensor.shape[axis] { break }
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}
