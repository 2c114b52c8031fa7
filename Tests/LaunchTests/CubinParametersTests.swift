import KernelRuntime
import TestSupport
import Testing

@Suite struct CubinParametersTests {
  private static func record(
    _ parameters: [LaunchRecord.Parameter], entry: String = "scale", block: Int = 256
  ) throws -> LaunchRecord {
    try LaunchRecord(
      solution: "s", operation: "o", definition: "d", language: "cuda", target: "sm_80", image: "kernel.cubin",
      launches: [
        .init(entry: entry, parameters: parameters, grid: [LaunchExpression(1)], block: [LaunchExpression(block)])
      ])
  }

  private static let parameters: [LaunchRecord.Parameter] = [
    .init("output", .pointer), .init("input", .pointer), .init("factor", .f32), .init("count", .i64),
    .init("repeats", .i32),
  ]

  @Test(arguments: ["scale.sm_80.cubin", "scale.sm_90a.cubin"])
  func `reads counts, offsets and sizes of both kernels`(name: String) throws {
    let image = try CubinParameters(Fixtures.bytes("gpu/" + name))
    #expect(Set(image.entries.map(\.name)) == ["scale", "first_word"])
    let scale = try #require(image["scale"])
    #expect(scale.parameters.map(\.byteCount) == [8, 8, 4, 8, 4])
    #expect(scale.parameters.map(\.offset) == [0, 8, 16, 24, 32])
    #expect(scale.parameterBytes == 36)
    #expect(scale.maximumThreads == [256, 1, 1])
    #expect(scale.requiredThreads == nil)
    #expect(image["first_word"]?.parameters.map(\.byteCount) == [128, 8, 8])
    #expect(image["nothing"] == nil)
  }

  @Test func `a record is compared with the image, by name`() throws {
    let image = try CubinParameters(Fixtures.bytes("gpu/scale.sm_80.cubin"))
    try Self.record(Self.parameters).check(against: image)
    try Self.record(
      [.init("map", .tensorMap), .init("output", .pointer), .init("unused", .f64)], entry: "first_word"
    ).check(against: image)

    func fault(_ record: LaunchRecord) -> LaunchRecordError? {
      #expect(throws: LaunchRecordError.self) { try record.check(against: image) }
    }
    let missing = fault(try Self.record(Array(Self.parameters.dropLast())))
    #expect(missing?.field == "launches[0].parameters")
    #expect(missing?.reason == "scale has 5 parameters, the record names 4: output, input, factor, count")
    var wrong = Self.parameters
    wrong[3] = .init("count", .i32)
    let size = fault(try Self.record(wrong))
    #expect(size?.field == "launches[0].parameters[3]")
    #expect(size?.reason == "count is i32, 4 bytes; parameter 3 of scale has 8")
    #expect(fault(try Self.record(Self.parameters, entry: "other"))?.reason.contains("it has ") == true)
    #expect(fault(try Self.record(Self.parameters, block: 512))?.reason.contains("blocks of at most 256") == true)
  }

  @Test func `what is no cubin is refused with a reason`() {
    #expect(throws: CubinError.self) { try CubinParameters([]) }
    #expect(throws: CubinError.self) { try CubinParameters(Array("not an ELF file, but long enough".utf8) * 3) }
    #expect(throws: CubinError.self) {
      try CubinParameters([0x7f, 0x45, 0x4c, 0x46, 1, 1] + [UInt8](repeating: 0, count: 80))
    }
  }

  @Test func `a broken cubin is refused or read, and never crashes`() throws {
    let original = try Fixtures.bytes("gpu/scale.sm_90a.cubin")
    let table = original.count - 64 * 40
    var mutation = FileMutation(seed: 5, focus: [0..<64, max(0, table)..<original.count])
    let record = try Self.record(Self.parameters)
    var refused = 0
    for _ in 0..<1000 {
      let (bytes, what) = mutation.mutate(original)
      do throws(CubinError) {
        let image = try CubinParameters(bytes)
        #expect(image.entries.allSatisfy { $0.parameters.count <= bytes.count }, "\(what)")
        _ = try? record.check(against: image)
      } catch {
        #expect(!error.reason.isEmpty)
        refused += 1
      }
    }
    #expect(refused > 100)
    // Cut off: the table of sections is in the last fifth.
    for count in stride(from: 0, to: original.count * 4 / 5, by: 7) {
      #expect(throws: CubinError.self) { try CubinParameters(Array(original.prefix(count))) }
    }
  }
}

private func * (bytes: [UInt8], count: Int) -> [UInt8] { Array((0..<count).map { _ in bytes }.joined()) }
