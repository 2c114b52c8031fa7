import Tensors

extension LaunchPlan {
  /// The error for a call whose arguments do not fit, in words.
  func mismatch(_ given: [KernelArgument]) -> KernelError {
    do throws(KernelError) {
      try arguments.check(given)
    } catch {
      return self.error(error.code, error.reason)
    }
    var sizes: [Int: (size: Int, name: String)] = [:]
    for use in uses where !use.isScalar {
      guard let tensor = use.position < 0 ? constants[-1 - use.position] : self.tensor(given[use.position]) else {
        continue
      }
      var expected = 1
      for axis in stride(from: use.axes.count - 1, through: 0, by: -1) {
        let size = tensor.shape[axis], wanted = use.axes[axis]
        if wanted >= 0, size != wanted {
          return error(.signatureMismatch, "\(use.name): axis \(axis) is \(size), expected \(wanted)")
        }
        if wanted < 0, let other = sizes[wanted], other.size != size {
          return error(.signatureMismatch, "\(use.name): axis \(axis) is \(size), but \(other.size) in \(other.name)")
        }
        if wanted < 0 { sizes[wanted] = (size, use.name) }
        if size != 1, tensor.strides[axis] != expected, tensor.count > 0, axis > 0 || !use.mayBeStrided {
          return error(
            .signatureMismatch,
            "\(use.name) has the strides \(tensor.strides) for the shape \(tensor.shape), expected a contiguous tensor"
              + (axis == 0 ? ": the kernel takes no \(use.name)_stride_0" : ""))
        }
        expected *= size
      }
    }
    return error(.signatureMismatch, "the arguments do not fit the definition")
  }

  private func tensor(_ argument: KernelArgument) -> Tensor? {
    if case .tensor(let tensor) = argument { tensor } else { nil }
  }
}
