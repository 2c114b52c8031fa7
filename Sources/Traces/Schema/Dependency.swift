/// A dependency of a solution, as far as its text can be told apart: `triton >= 2.3` is the name `triton` with `>= 2.3`.
public struct Dependency: Sendable, Hashable {
  public let name: String
  /// What follows the name; nil without one. Not interpreted.
  public let version: String?

  public init(parsing text: String) {
    let trimmed = String(LaxText.trimmed(text)) ?? text
    let name = trimmed.prefix { $0.isLetter || $0.isNumber || "-_.".contains($0) }
    let rest = trimmed[name.endIndex...].drop { $0 == " " || $0 == "\t" }
    self.name = name.isEmpty ? trimmed : String(name)
    version = rest.isEmpty || name.isEmpty ? nil : String(rest)
  }
}

/// The families of devices that free-text hardware names belong to.
public enum HardwareFamily: Sendable, Hashable {
  case cpu
  /// Any NVIDIA device.
  case cuda
  /// NVIDIA devices of one compute capability, for example 90 for Hopper.
  case sm(Int)
  /// A name that the table does not know; kept as it is.
  case other(String)

  private static let devices: [(name: String, capability: Int)] = [
    ("V100", 70), ("T4", 75), ("A100", 80), ("A10G", 86), ("A10", 86), ("A40", 86), ("L40S", 89), ("L40", 89),
    ("L4", 89),
    ("H100", 90), ("H200", 90), ("H800", 90), ("H20", 90), ("GH200", 90), ("B200", 100), ("GB200", 100), ("B300", 103),
    ("RTX4090", 89), ("RTX3090", 86), ("RTX5090", 120),
  ]

  /// From `cpu`, `cuda`, `sm90`, `NVIDIA_H100`, `NVIDIA H100 80GB HBM3` …
  public init(_ name: String) {
    let upper = name.uppercased()
    let words = upper.split { $0 == " " || $0 == "_" || $0 == "-" || $0 == "," || $0 == "/" }
    let joined = words.joined()
    if upper == "CPU" {
      self = .cpu
    } else if upper == "CUDA" || upper == "GPU" {
      self = .cuda
    } else if upper.hasPrefix("SM"), let capability = Self.capability(upper.dropFirst(2)) {
      self = .sm(capability)
    } else if let device = Self.devices.first(where: { device in
      words.contains { $0 == device.name } || joined.contains(device.name) && device.name.hasPrefix("RTX")
    }) {
      self = .sm(device.capability)
    } else {
      self = .other(name)
    }
  }

  /// `90` of `90`, `_90` and `90a`.
  private static func capability(_ text: Substring) -> Int? {
    Int(text.drop { $0 == "_" }.prefix { $0.isASCII && $0.isNumber })
  }
}

extension BuildSpec {
  public var parsedDependencies: [Dependency] { dependencies.map(Dependency.init) }
  public var hardwareFamilies: [HardwareFamily] { targetHardware.map(HardwareFamily.init) }
}
