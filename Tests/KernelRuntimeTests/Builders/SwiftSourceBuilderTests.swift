import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("The Swift builder", .enabled(if: Tools.swift, "there is no swiftc"))
struct SwiftSourceBuilderTests {
  private let folder = TemporaryFolder()
  private let context = BindContext(device: .cpu)
  private var builder: SwiftSourceBuilder { SwiftSourceBuilder(cache: ArtifactCache(root: folder.path)) }

  private func solution(_ body: String, hardware: [String] = ["cpu"], destination: Bool = true) throws -> Solution {
    let main = """
      import TensorABI

      @_cdecl("__tvm_ffi_run")
      public func run(
        _ handle: UnsafeMutableRawPointer?, _ arguments: UnsafePointer<TVMFFIAny>, _ count: Int32,
        _ result: UnsafeMutablePointer<TVMFFIAny>
      ) -> Int32 {
        let x = arguments[0].v_ptr.assumingMemoryBound(to: DLTensor.self).pointee
        let y = arguments[2].v_ptr.assumingMemoryBound(to: DLTensor.self).pointee
        let from = x.data.assumingMemoryBound(to: Float.self), to = y.data.assumingMemoryBound(to: Float.self)
        \(body)
        return 0
      }

      """
    return try Fixtures.solution(
      .swift,
      [("main.swift", main), ("product.swift", "func product(_ a: Float, _ b: Double) -> Float { a * Float(b) }\n")],
      entry: "main.swift::run", hardware: hardware, destination: destination)
  }

  @Test("compiles several sources with the module TensorABI, calls them, and finds them in the cache")
  func right() throws {
    let right = try solution(
      "for i in 0..<Int(x.shape[0] * x.shape[1]) { to[i] = product(from[i], arguments[1].v_float64) }")
    let builder = builder
    let kernel = try builder.build(right, for: try Fixtures.scale(), in: context)
    #expect(try Fixtures.scaled(kernel) == [2, 4, 6, 8, 10, 12])
    #expect(try self.builder.compile(right).isFromCache)
  }

  @Test("a type error gives the compiler's first lines")
  func typeError() throws {
    let wrong = try solution("to[0] = \"text\"")
    let error = failure { _ = try builder.build(wrong, for: try Fixtures.scale(), in: context) }
    #expect(
      error?.code == .buildFailed && error?.reason.contains("error: cannot assign value of type 'String'") == true)
  }

  @Test("says what it cannot build, and why")
  func unavailable() throws {
    let absent = SwiftSourceBuilder(cache: ArtifactCache(root: folder.path), compilers: ["no-such-swiftc"])
    #expect(absent.availability(on: .cpu) == .unavailable(because: "no Swift compiler: there is no no-such-swiftc"))
    for (made, word) in [
      (try solution("", hardware: ["cuda"]), "made for cuda"),
      (try solution("", destination: false), "returns its outputs"),
    ] {
      guard case .unavailable(let reason) = builder.availability(of: made, on: .cpu) else {
        Issue.record("available, though \(word)")
        continue
      }
      #expect(reason.contains(word))
    }
  }
}
