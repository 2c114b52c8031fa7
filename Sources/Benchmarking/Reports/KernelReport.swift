/// Measurements, to be read by people and programs.
public struct KernelReport: Sendable {
  public var measurements: [KernelMeasurement]
  public var ceilings: MachineCeilings?
  /// The processor's name, and the commit that was measured.
  public var machine: String, commit: String

  public init(measurements: [KernelMeasurement], ceilings: MachineCeilings? = nil, machine: String, commit: String) {
    (self.measurements, self.ceilings, self.machine, self.commit) = (measurements, ceilings, machine, commit)
  }

  public func table(color: Bool) -> String { "" }
  public func html() -> String { "" }
  public func jsonLines() -> String { "" }
}
