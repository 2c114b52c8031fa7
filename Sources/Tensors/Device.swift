/// Where memory lives and kernels run.
public enum Device: Hashable, Sendable, CustomStringConvertible {
  case cpu
  case cuda(ordinal: Int)

  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let ordinal): "cuda:\(ordinal)"
    }
  }
}
