import Glibc
import Kernels
import Testing
import Traces

/// The documents in `Kernels/<room>/definitions` and `Kernels/<room>/solutions`, against the program's own definitions.
@Suite struct RoomSolutionTests {
  static let kernels: String = {
    var components = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    components.removeLast(3)
    return components.joined(separator: "/") + "/Kernels"
  }()

  static let definitions: [(room: String, definition: Definition)] = [
    ("rmsnorm", RMSNorm.definition(hiddenSize: 576)),
    ("rmsnorm", FusedAddRMSNorm.definition(hiddenSize: 576)),
    ("silu_and_mul", SiluAndMul.definition(intermediateSize: 1536)),
    ("embedding", Embedding.definition(format: .q8_0, vocabularySize: 49152, hiddenSize: 576)),
    ("embedding", Embedding.definition(format: .bf16, vocabularySize: 49152, hiddenSize: 576)),
    ("rope", rope(.neox)), ("rope", rope(.interleaved)),
  ]

  private static func rope(_ style: RotaryStyle) -> Definition {
    RotaryEmbedding.definition(queryHeads: 9, keyValueHeads: 3, headDimension: 64, rotaryDimension: 64, style: style)
  }

  struct Unreadable: Error { let path: String }

  private static func bytes(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Unreadable(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  @Test func eachDefinitionInARoomIsTheOneInTheProgram() throws {
    for (room, definition) in Self.definitions {
      let path = "\(Self.kernels)/\(room)/definitions/\(definition.name).json"
      // On failure: the right-hand side is what the file should hold.
      #expect(String(decoding: try Self.bytes(path), as: UTF8.self) == String(decoding: definition.json, as: UTF8.self))
    }
  }

  @Test func eachDefinitionHasACPPKernelAndItsReferenceAsTheBaseline() throws {
    for (room, definition) in Self.definitions {
      let folder = "\(Self.kernels)/\(room)/solutions"
      let kernel = try Solution(json: Self.bytes("\(folder)/swiftlet_cpp_\(definition.name).json"))
      #expect(kernel.definition == definition.name && kernel.author == "swiftlet")
      #expect(kernel.spec.language == .cpp && kernel.spec.binding == .tvmFFI && kernel.spec.destinationPassingStyle)
      #expect(kernel.sources.map(\.path).contains("swiftlet_kernel.h"))
      let baseline = try Solution(json: Self.bytes("\(folder)/baseline_torch_\(definition.name).json"))
      #expect(baseline.definition == definition.name && baseline.author == TraceSet.baselineAuthor)
      #expect(baseline.entrySource?.content == definition.reference && !baseline.spec.destinationPassingStyle)
    }
  }
}
