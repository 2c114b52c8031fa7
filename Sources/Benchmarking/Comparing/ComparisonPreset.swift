/// Whose rules decide whether two outputs agree.
public enum ComparisonPreset: String, Sendable, Hashable, CaseIterable {
  case flashInferBench = "flashinfer-bench"
  case flashInfer = "flashinfer"
  case solExecBench = "sol-execbench"
  case exact
}
