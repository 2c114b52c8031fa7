import Traces

/// The place of Triton. It says what is missing; compiling needs the Python package triton, running it a driver.
public struct TritonBuilder: AbsentBuilder {
  public init() {}
  public var languages: [Language] { [.triton] }
}
