import KernelRuntime
import Testing

@Suite struct KernelPolicyTests {
  @Test("a list names languages, best first, or says auto")
  func list() throws {
    #expect(try KernelPolicy(list: "auto") == .auto)
    #expect(try KernelPolicy(list: "cpp, swift").preferred == [.cpp, .swift])
  }

  @Test(
    "a wrong list is refused with what is wrong",
    arguments: [
      ("", "an empty name"), ("cpp,", "an empty name"), ("cpp,,swift", "an empty name"), ("cpp,cpp", "named twice"),
    ])
  func wrongList(text: String, reason: String) {
    let error = #expect(throws: KernelError.self) { try KernelPolicy(list: text) }
    #expect(error?.code == .invalidPolicy)
    #expect(error?.description.contains(reason) == true)
    #expect(error?.description.hasPrefix("--kernels: ") == true)
  }

  @Test("a file sets the default, operations and definitions; a definition wins over its operation")
  func file() throws {
    let policy = try KernelPolicy(
      yaml: """
        # languages, best first
        ---
        default: [swift-fast, swift]   # no C++
        rmsnorm: cpp
        "rmsnorm_h64":
          - swift
          - 'cpp'
        """, file: "kernels.yaml")
    #expect(policy.preferred == [.swiftFast, .swift])
    #expect(policy.flavors(definition: "gemm_f32_n1_k1", operation: "gemm") == [.swiftFast, .swift])
    #expect(policy.flavors(definition: "rmsnorm_h576", operation: "rmsnorm") == [.cpp])
    #expect(policy.flavors(definition: "rmsnorm_h64", operation: "rmsnorm") == [.swift, .cpp])
  }

  @Test("an empty file changes nothing", arguments: ["", "\n\n", "# nothing\n", "---\n"])
  func emptyFile(text: String) throws {
    #expect(try KernelPolicy(yaml: text, file: "k") == .auto)
  }

  @Test(
    "a wrong file is refused with its line",
    arguments: [
      ("- cpp", "k:1: a list item before any key"),
      ("\n\nrmsnorm cpp", "k:3: expected `operation: language` or `operation: [language, …]`"),
      ("rmsnorm: cpp\n  gemm: cpp", "k:2: expected `operation: language` or `operation: [language, …]`"),
      ("gemm: cpp\nrope: swift\ngemm: swift", "k:3: gemm is set already in line 1"),
      ("gemm: [cpp, swift", "k:1: the list is not closed by ]"),
      ("# x\ngemm: []", "k:2: names no language"), ("gemm:", "k:1: names no language"),
      ("gemm: [cpp, ]", "k:1: an empty name in the list of languages"),
      ("gemm:\n  - cpp\n  - cpp", "k:1: cpp is named twice"),
    ])
  func wrongFile(text: String, message: String) {
    let error = #expect(throws: KernelError.self) { try KernelPolicy(yaml: text, file: "k") }
    #expect(error?.code == .invalidPolicy)
    #expect(error?.description == message)
  }

  @Test("any text is read or refused, never a crash")
  func mutations() {
    let text = Array("default: [swift-fast, cpp]\nrmsnorm: \"cpp\" # c\n\"gemm\":\n  - swift\n---\n".unicodeScalars)
    let alphabet = Array(":[]-,#\"' \n\t\u{E9}a".unicodeScalars)
    var accepted = 0, refused = 0, state: UInt64 = 1
    for _ in 0..<3_000 {
      var mutated = text
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        mutated[Int(state >> 33) % mutated.count] = alphabet[Int(state >> 20 & 0xFFF) % alphabet.count]
      }
      var string = String.UnicodeScalarView()
      string.append(contentsOf: mutated)
      do throws(KernelError) {
        _ = try KernelPolicy(yaml: String(string), file: "k")
        accepted += 1
      } catch {
        refused += 1
        #expect(error.code == .invalidPolicy && error.reason.hasPrefix("k:"))
      }
    }
    #expect(accepted > 0 && refused > 0)
  }
}
