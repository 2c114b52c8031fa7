import CCUDA
import Tensors

/// NVIDIA's matrix products, loaded at run time.
///
/// Only what the engine multiplies with: C = A · Bᵀ of row-major bfloat16 or float16 with float32 sums.
public final class CUBLASLt: Sendable {
  public let path: String
  /// 130100 is 13.1.
  public let version: Int
  public let context: CUDAContext
  private let handle: blas_handle
  private let functions: Functions

  private struct Functions: Sendable {
    let create: LibraryFunction<blas_create_fn>
    let destroy: LibraryFunction<blas_destroy_fn>
    let version: LibraryFunction<blas_version_fn>
    let statusName: LibraryFunction<blas_status_text_fn>
    let statusText: LibraryFunction<blas_status_text_fn>
    let operationCreate: LibraryFunction<blas_operation_create_fn>
    let operationDestroy: LibraryFunction<blas_destroy_fn>
    let operationSet: LibraryFunction<blas_set_fn>
    let layoutCreate: LibraryFunction<blas_layout_create_fn>
    let layoutDestroy: LibraryFunction<blas_destroy_fn>
    let preferenceCreate: LibraryFunction<blas_preference_create_fn>
    let preferenceDestroy: LibraryFunction<blas_destroy_fn>
    let preferenceSet: LibraryFunction<blas_set_fn>
    let heuristic: LibraryFunction<blas_heuristic_fn>
    let multiply: LibraryFunction<blas_multiply_fn>

    init(_ library: DynamicLibrary) {
      create = library.function("cublasLtCreate")
      destroy = library.function("cublasLtDestroy")
      version = library.function("cublasLtGetVersion")
      statusName = library.function("cublasLtGetStatusName")
      statusText = library.function("cublasLtGetStatusString")
      operationCreate = library.function("cublasLtMatmulDescCreate")
      operationDestroy = library.function("cublasLtMatmulDescDestroy")
      operationSet = library.function("cublasLtMatmulDescSetAttribute")
      layoutCreate = library.function("cublasLtMatrixLayoutCreate")
      layoutDestroy = library.function("cublasLtMatrixLayoutDestroy")
      preferenceCreate = library.function("cublasLtMatmulPreferenceCreate")
      preferenceDestroy = library.function("cublasLtMatmulPreferenceDestroy")
      preferenceSet = library.function("cublasLtMatmulPreferenceSetAttribute")
      heuristic = library.function("cublasLtMatmulAlgoGetHeuristic")
      multiply = library.function("cublasLtMatmul")
    }
  }

  /// - path: `libcublasLt.so.13`, or where it is.
  /// - Throws: `notLoaded` with the loader's words.
  public init(path: String, _ context: CUDAContext) throws(CUDAError) {
    let functions = Functions(try DynamicLibrary(path))
    var handle: blas_handle = 0
    try context.perform { () throws(CUDAError) in
      try Self.check(functions, functions.create.name, functions.create.get()(&handle))
    }
    (self.path, self.context, self.functions, self.handle) = (path, context, functions, handle)
    version = Int(functions.version.pointer?() ?? 0)
  }

  deinit {
    _ = try? context.perform { () throws(CUDAError) in _ = functions.destroy.pointer?(handle) }
  }

  /// Why the library cannot be used; nil when it can be loaded.
  public static func absence(path: String) -> String? {
    do throws(CUDAError) {
      _ = try DynamicLibrary(path)
      return nil
    } catch {
      return "no cuBLASLt (\(error))"
    }
  }

  /// A product that was chosen once for its shape and is run many times.
  public final class Product: Sendable {
    /// C [m, n] = A [m, k] · B [n, k]ᵀ.
    public let m: Int, n: Int, k: Int
    /// Bytes that the stream must offer as workspace.
    public let workspaceBytes: Int
    private let blas: CUBLASLt
    private let operation: blas_operation, a: blas_layout, b: blas_layout, c: blas_layout
    private let algorithm: blas_algorithm

    fileprivate init(_ blas: CUBLASLt, _ type: DType, _ m: Int, _ n: Int, _ k: Int, alignment: Int, workspace: Int)
      throws(CUDAError)
    {
      let functions = blas.functions
      guard let code: Int32 = [DType.bfloat16: 14, .float16: 2][type] else {
        throw CUDAError(.invalid, "products of \(type.rawValue) are not made here, expected bfloat16 or float16")
      }
      guard m > 0, n > 0, k > 0, m <= Int32.max, n <= Int32.max, k <= Int32.max else {
        throw CUDAError(.invalid, "a product of [\(m), \(k)] and [\(n), \(k)] cannot be made")
      }
      var operation: blas_operation = 0
      var layouts: [blas_layout] = [], preference: blas_preference = 0
      func release() {
        for layout in layouts { _ = functions.layoutDestroy.pointer?(layout) }
        if operation != 0 { _ = functions.operationDestroy.pointer?(operation) }
      }
      func check(_ call: String, _ status: blas_status) throws(CUDAError) {
        try CUBLASLt.check(functions, call, status)
      }
      do throws(CUDAError) {
        // Row-major C = A · Bᵀ is column-major Cᵀ = B · Aᵀ: the library's first factor is B, transposed.
        try check(functions.operationCreate.name, functions.operationCreate.get()(&operation, 68, 0))  // float32 sums
        try Self.set(functions, functions.operationSet, operation, 3, Int32(1))  // first factor transposed
        try Self.set(functions, functions.operationSet, operation, 4, Int32(0))
        for (rows, columns) in [(k, n), (k, m), (n, m)] {
          var layout: blas_layout = 0
          try check(
            functions.layoutCreate.name,
            functions.layoutCreate.get()(&layout, code, UInt64(rows), UInt64(columns), Int64(rows)))
          layouts.append(layout)
        }
        try check(functions.preferenceCreate.name, functions.preferenceCreate.get()(&preference))
        defer { _ = functions.preferenceDestroy.pointer?(preference) }
        try Self.set(functions, functions.preferenceSet, preference, 1, UInt64(workspace))
        for attribute: Int32 in 5...8 {  // how B, A, C, C lie in memory
          try Self.set(functions, functions.preferenceSet, preference, attribute, UInt32(alignment))
        }
        var proposal = blas_proposal(), count: Int32 = 0
        let ask = try functions.heuristic.get()
        try check(
          functions.heuristic.name,
          ask(
            blas.handle, operation, layouts[0], layouts[1], layouts[2], layouts[2], preference, 1, &proposal, &count))
        guard count > 0, proposal.status == 0 else {
          throw CUDAError(
            .invalid, call: functions.heuristic.name,
            "no algorithm for [\(m), \(k)] · [\(n), \(k)]ᵀ of \(type.rawValue) with \(workspace) bytes of workspace")
        }
        (algorithm, workspaceBytes) = (proposal.algorithm, proposal.workspace_bytes)
      } catch {
        release()
        throw error
      }
      (self.blas, self.operation, self.m, self.n, self.k) = (blas, operation, m, n, k)
      (b, a, c) = (layouts[0], layouts[1], layouts[2])
    }

    deinit {
      for layout in [a, b, c] { _ = blas.functions.layoutDestroy.pointer?(layout) }
      _ = blas.functions.operationDestroy.pointer?(operation)
    }

    private static func set<T>(
      _ functions: Functions, _ function: LibraryFunction<blas_set_fn>, _ object: UInt, _ attribute: Int32, _ value: T
    ) throws(CUDAError) {
      let call = try function.get()
      let status = withUnsafeBytes(of: value) { call(object, attribute, $0.baseAddress, $0.count) }
      try CUBLASLt.check(functions, function.name, status)
    }

    /// Queues C = A · Bᵀ.
    /// - workspace: of `workspaceBytes`, or nil where that is 0.
    public func run(
      a: UInt64, b: UInt64, into c: UInt64, workspace: DeviceMemory?, on stream: DriverStream
    ) throws(CUDAError) {
      if (workspace?.byteCount ?? 0) < workspaceBytes {
        throw CUDAError(
          .invalid, call: blas.functions.multiply.name,
          "\(workspace?.byteCount ?? 0) bytes of workspace, expected \(workspaceBytes)")
      }
      let multiply = try blas.functions.multiply.get()
      let one: Float = 1, zero: Float = 0
      try blas.context.perform { () throws(CUDAError) in
        let status = withUnsafePointer(to: algorithm) { algorithm in
          withUnsafePointer(to: one) { one in
            withUnsafePointer(to: zero) { zero in
              multiply(
                blas.handle, operation, one, b, self.b, a, self.a, zero, c, self.c, c, self.c, algorithm,
                workspace?.address ?? 0, workspaceBytes, stream.handle)
            }
          }
        }
        try CUBLASLt.check(blas.functions, blas.functions.multiply.name, status)
      }
    }
  }

  /// Chooses how to compute C [m, n] = A [m, k] · B [n, k]ᵀ, all row-major without gaps.
  /// - alignment: bytes that all three addresses are multiples of.
  /// - workspace: bytes that may be used beside.
  public func product(
    of type: DType, m: Int, n: Int, k: Int, alignment: Int = 16, workspace: Int = 32 << 20
  ) throws(CUDAError) -> Product {
    try context.perform { () throws(CUDAError) in
      try Product(self, type, m, n, k, alignment: alignment, workspace: workspace)
    }
  }

  private static func check(_ functions: Functions, _ call: String, _ status: blas_status) throws(CUDAError) {
    guard status != 0 else { return }
    func words(_ function: LibraryFunction<blas_status_text_fn>) -> String? {
      function.pointer?(status).map { String(cString: $0) }
    }
    throw CUDAError(
      .status(status), call: call, name: words(functions.statusName) ?? "CUBLAS_STATUS_\(status)",
      words(functions.statusText) ?? "the library says no more")
  }
}
