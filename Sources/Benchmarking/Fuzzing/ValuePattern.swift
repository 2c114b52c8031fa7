/// What the floating-point values of a fuzzed workload look like.
public enum ValuePattern: String, Sendable, Hashable, CaseIterable {
  case normal, huge, denormal, zeros
  case negativeInfinityRows = "negative infinity rows"
  case alternatingSigns = "alternating signs"
}

extension WorkloadInputs {
  public mutating func apply(_ pattern: ValuePattern) {}
}
