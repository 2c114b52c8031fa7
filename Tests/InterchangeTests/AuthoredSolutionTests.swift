import Testing
import Traces

/// Solutions that were made with FlashInfer-Bench's own types, by an author who knows nothing of us
/// (`Tests/Interchange/authored_solutions.py`).
@Suite struct AuthoredSolutionTests {
  static let folder = Fixture.root + "/solutions"

  private func read(_ name: String) throws -> Solution {
    try Solution(json: Fixture.bytes("\(Self.folder)/\(name).json"), languages: Language.flashInferBench)
  }

  @Test func aPythonSolutionKeepsItsFilesItsEntryAndItsStyle() throws {
    let solution = try read("authored_python_value_style")
    #expect(solution.definition == "rmsnorm_h576" && solution.author == "authored")
    #expect(solution.spec.language == .python && solution.spec.binding == nil)
    #expect(!solution.spec.destinationPassingStyle)
    #expect((solution.spec.entryFile, solution.spec.entrySymbol) == ("normalise/main.py", "normalise"))
    #expect(solution.sources.map(\.path) == ["normalise/main.py", "normalise/scales.py"])
    #expect(solution.entrySource?.content.contains("from .scales import inverse_rms") == true)
  }

  @Test func aCPPSolutionMeansTVMFFIAndDestinationPassingWhenItSaysNeither() throws {
    let solution = try read("authored_cpp_tvm_ffi")
    #expect(solution.spec.language == .cpp && solution.spec.binding == nil)
    #expect(solution.spec.destinationPassingStyle)
    #expect((solution.spec.entryFile, solution.spec.entrySymbol) == ("kernel.cpp", "silu_and_mul"))
    #expect(solution.entrySource?.content.contains("TVM_FFI_DLL_EXPORT_TYPED_FUNC(silu_and_mul, SiluAndMul)") == true)
  }

  @Test func anUnchangedDocumentIsWrittenByteForByte() throws {
    for file in try Fixture.files(below: Self.folder) {
      let bytes = try Fixture.bytes(Self.folder + "/" + file)
      #expect(try Solution(json: bytes).json == bytes, "\(file)")
    }
  }
}
