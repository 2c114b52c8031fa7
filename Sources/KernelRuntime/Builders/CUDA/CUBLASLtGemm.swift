import CUDADriver
import Synchronization
import Tensors
import Traces

/// Matrix products by NVIDIA's library: what CUDA has for the operation `gemm`, flavor `cublaslt`.
///
/// C [M, N] = A [M, K] · B [N, K]ᵀ in bfloat16 or float16, sums in float32. The library chooses an algorithm once for each M.
public struct CUBLASLtGemm: Kernel {
  private let products: Products
  private let features: Int, inputs: Int
  private let type: DType

  /// What was chosen, and the memory that it works in.
  private final class Products: Sendable {
    let library: CUBLASLt
    let known = Mutex<[Int: (product: CUBLASLt.Product, workspace: DeviceMemory?)]>([:])
    init(_ library: CUBLASLt) { self.library = library }
  }

  /// - path: of the library.
  public static func solution(devices: GPUDevices, path: String = "libcublasLt.so.13") -> KernelSolution {
    KernelSolution(
      operation: "gemm", definition: nil, name: "gemm_cublaslt", flavor: .cublasLt, author: "nvidia",
      source: "libcublasLt", isBatchInvariant: nil, needsCompilation: false,
      availability: { definition, context in
        refusal(definition, context, devices, path).map { .unavailable(because: $0) } ?? .available
      },
      build: { definition, context throws(KernelError) in
        guard case .cuda(let ordinal) = context.device, let n = definition.axes["N"]?.value,
          let k = definition.axes["K"]?.value, let type = definition.inputs["A"]?.dtype
        else { throw KernelError(.buildFailed, definition: definition.name, "it needs constant axes N and K") }
        do throws(CUDAError) {
          let library = try CUBLASLt(path: path, devices.context(ordinal).get())
          return CUBLASLtGemm(products: Products(library), features: n, inputs: k, type: type)
        } catch {
          throw KernelError(.buildFailed, definition: definition.name, error.description)
        }
      })
  }

  private static func refusal(
    _ definition: Definition, _ context: BindContext, _ devices: GPUDevices, _ path: String
  ) -> String? {
    guard case .cuda(let ordinal) = context.device else { return "it runs on a CUDA device only" }
    if definition.inputs.names != ["A", "B"] || !context.constants.isEmpty {
      return "takes A and B in each call, not \(definition.inputs.names.joined(separator: ", "))"
    }
    let types = Set((Array(definition.inputs) + Array(definition.outputs)).map(\.value.dtype))
    if types != [.bfloat16] && types != [.float16] { return "takes one of bfloat16 and float16 throughout" }
    return devices.absence(ordinal) ?? CUBLASLt.absence(path: path)
  }

  /// A, B, C; rows next to each other.
  public func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    guard let stream = stream as? CUDAStream else {
      throw KernelError(.signatureMismatch, "bound for a CUDA device, called on \(stream.device)")
    }
    let a = arguments[0].tensor, b = arguments[1].tensor, c = arguments[2].tensor, rows = a.shape[0]
    if rows == 0 { return }
    for (name, tensor) in [("A", a), ("B", b), ("C", c)] where !tensor.isContiguous {
      throw KernelError(.signatureMismatch, "the rows of \(name) lie apart; gemm_cublaslt takes contiguous tensors")
    }
    func address(_ tensor: Tensor) -> UInt64 { UInt64(UInt(bitPattern: tensor.pointer)) }
    do throws(CUDAError) {
      let (product, workspace) = try products.known.withLock { known throws(CUDAError) in
        if let found = known[rows] { return found }
        let product = try products.library.product(of: type, m: rows, n: features, k: inputs)
        let bytes = product.workspaceBytes
        let made = (product: product, workspace: bytes == 0 ? nil : try stream.context.allocate(byteCount: bytes))
        known[rows] = made
        return made
      }
      try product.run(
        a: address(a), b: address(b), into: address(c), workspace: workspace, on: stream.driverStream)
    } catch {
      throw KernelError(.runFailed, error.description)
    }
  }
}

extension KernelFlavor {
  /// NVIDIA's library of matrix products.
  public static let cublasLt = KernelFlavor(rawValue: "cublaslt")
}
