import Traces

/// The place of TileLang. It says what is missing; compiling needs the Python package tilelang, running it a driver.
public struct TileLangBuilder: AbsentBuilder {
  public init() {}
  public var languages: [Language] { [.tilelang] }
}
