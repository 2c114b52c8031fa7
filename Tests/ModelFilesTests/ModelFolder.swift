import Glibc
import JSONText
import TestSupport

/// A Hugging Face folder made of copies of `Tests/Fixtures/families/<name>`, to be changed by a test.
struct ModelFolder {
  let folder: TemporaryFolder
  let name: String
  static let files = [
    "config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors",
  ]

  init(_ name: String = "llama") throws {
    (folder, self.name) = (try TemporaryFolder(), name)
    for file in Self.files { try restore(file) }
  }

  var path: String { folder.path }

  /// Puts the fixture's own file back; what the fixture lacks is left out.
  func restore(_ file: String) throws {
    folder.remove(file)
    if let bytes = try? Fixtures.bytes("families/\(name)/\(file)") { try folder.write(bytes, to: file) }
  }

  /// Changes one member of a JSON file; nil removes it.
  func set(_ key: String, _ value: JSONValue?, in file: String = "config.json") throws {
    guard var object = try Fixtures.json("families/\(name)/\(file)").object else { throw MissingFixture(file) }
    object[key] = value
    try folder.write(JSONValue.object(object).compact, to: file)
  }

  struct MissingFixture: Error {
    let file: String
    init(_ file: String) { self.file = file }
  }
}
