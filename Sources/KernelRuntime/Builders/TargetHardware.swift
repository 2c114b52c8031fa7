import Traces

/// What a solution says it was made for, compared with the CPU that builders here build for.
enum TargetHardware {
  /// Words of names of CPUs, in lower case. `local` is what people write for "the machine at hand".
  private static let processors = [
    "cpu", "local", "x86", "amd64", "intel", "xeon", "core", "epyc", "ryzen", "zen", "avx", "arm", "aarch64",
    "neoverse",
    "graviton", "grace", "apple",
  ]

  /// Why a solution is not for a CPU; nil when one of its target names is a CPU's.
  static func refusal(_ spec: BuildSpec) -> String? {
    let names = spec.targetHardware
    let suits = names.contains { name in
      let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }
      return words.contains { word in processors.contains { word.hasPrefix($0) } }
    }
    return suits ? nil : "made for \(names.joined(separator: ", ")); it names no CPU (cpu, LOCAL, x86_64 …)"
  }
}
