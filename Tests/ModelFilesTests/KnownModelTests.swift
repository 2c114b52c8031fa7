import FoundationEssentials
import TestSupport
import Testing

/// What `swiftlet pull` knows of a model and what the script that fetches it knows must not drift apart.
@Suite("The catalogue of models to fetch")
struct KnownModelTests {
  private func source(_ path: String) throws -> String {
    let root = String(Fixtures.folder.dropLast("Tests/Fixtures".count))
    let data = try #require(FileManager.default.contents(atPath: root + path), "\(path) cannot be read")
    return String(decoding: data, as: UTF8.self)
  }

  /// The text between two marks, from the first occurrence of `start`.
  private func text(in source: String, after start: String, until end: Character) throws -> String {
    let range = try #require(source.firstRange(of: start), "\(start) is not there")
    return String(source[range.upperBound...].prefix { $0 != end })
  }

  @Test("Name and file name are the same in Swift and in the script")
  func agree() throws {
    let swift = try source("Sources/swiftlet/ModelCatalogue.swift")
    let python = try source("Scripts/fetch_model.py")
    let name = try text(in: swift, after: "KnownModel(name: \"", until: "\"")
    let file = try text(in: swift, after: "fileName: \"", until: "\"")
    #expect(try text(in: python, after: "DEFAULT_MODEL = \"", until: "\"") == name)
    #expect(try text(in: python, after: "MODELS = {\n    \"", until: "\"") == name)
    #expect(try text(in: python, after: "\"file\": \"", until: "\"") == file)
    #expect(try text(in: python, after: "\"member\": \"", until: "\"").hasSuffix("/" + file))
    #expect(name == "smollm2-135m-instruct" && file.hasSuffix(".gguf"))
  }

  @Test("The program carries the script that make calls")
  func copies() throws {
    #expect(try source("Sources/swiftlet/fetch_model.py") == source("Scripts/fetch_model.py"))
  }
}
