import FoundationEssentials
import JSONText

/// Where the fixtures are, and the default model when it was fetched.
public enum Fixtures {
  /// `Tests/Fixtures` of this checkout.
  public static let folder = String(#filePath.dropLast("TestSupport/Fixtures.swift".count)) + "Fixtures"

  public static func path(_ name: String) -> String { folder + "/" + name }

  public static func bytes(_ name: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path(name)) else { throw MissingFixture(name: name) }
    return Array(data)
  }

  public static func json(_ name: String) throws -> JSONValue { try JSONValue(parsing: try bytes(name)) }

  /// The default model's file, or nil with a printed reason when it was not fetched.
  public static let defaultModel: String? = {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["SWIFTLET_HOME"] ?? (environment["HOME"] ?? ".") + "/.cache/swiftlet"
    let path =
      environment["SWIFTLET_TEST_MODEL"]
      ?? home + "/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
    if FileManager.default.fileExists(atPath: path) { return path }
    print("SKIPPED: tests of the default model: \(path) is not there (make model fetches it)")
    return nil
  }()
}

public struct MissingFixture: Error, CustomStringConvertible {
  let name: String
  public var description: String { "Tests/Fixtures/\(name) cannot be read" }
}
