/// What a trace was measured on, as `environment.hardware` names it.
public struct Hardware: Sendable, Hashable, CustomStringConvertible {
  /// The driver's name of the device, or the processor's model name.
  public let name: String

  public init(_ name: String) { self.name = name }
  public var description: String { name }

  /// Devices that usually rank kernels the same way: compute capability for NVIDIA, the processor's family otherwise.
  public var family: String {
    let words = name.lowercased().replacing("(r)", with: "").replacing("(tm)", with: "").split {
      $0 == " " || $0 == "_" || $0 == "-"
    }.map(String.init)
    for word in words {
      if let capability = Self.capabilities[word] { return capability }
    }
    // "AMD EPYC 9R45 96-Core Processor" and "AMD EPYC 9654": the make and the line of products.
    return words.prefix(2).joined(separator: " ")
  }

  private static let capabilities = [
    "v100": "sm70", "t4": "sm75", "a100": "sm80", "a800": "sm80", "a10": "sm86", "a10g": "sm86", "a40": "sm86",
    "3090": "sm86", "l4": "sm89", "l40": "sm89", "l40s": "sm89", "4090": "sm89", "h100": "sm90", "h200": "sm90",
    "h800": "sm90", "h20": "sm90", "gh200": "sm90", "b100": "sm100", "b200": "sm100", "gb200": "sm100",
  ]
}

/// Whose measurements may decide.
public enum HardwareScope: String, Sendable, Hashable, CaseIterable {
  /// Those made on a device of the same name.
  case own
  /// The same name; where there are none, the same family.
  case family
  /// The same name, then the same family, then any.
  case any
}
