import Glibc
import Tensors

/// How rotary frequencies are stretched for contexts beyond the trained one.
public enum RotaryScaling: Sendable, Hashable {
  case none
  /// All frequencies divided by `factor`.
  case linear(factor: Double)
  /// Llama 3.1: wave lengths beyond originalContextLength / lowFrequencyFactor are divided by `factor`, those below
  /// originalContextLength / highFrequencyFactor kept, a smooth ramp between.
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)
  /// One divisor for each pair of elements.
  case perFrequency([Float])
}

/// The cosines and sines of rotary position embedding (Su et al. 2021).
public enum RotaryTable {
  /// - Returns: [maxPositions, rotaryDimension] float32: in each row the cosines of all pairs, then their sines.
  public static func make(
    maxPositions: Int, rotaryDimension: Int, theta: Double, scaling: RotaryScaling
  ) -> Tensor {
    let half = rotaryDimension / 2, table = Tensor(.float32, [maxPositions, rotaryDimension])
    let frequencies = frequencies(rotaryDimension: rotaryDimension, theta: theta, scaling: scaling)
    let out = table.elements(as: Float.self)
    for position in 0..<maxPositions {
      for i in 0..<half {
        let angle = Double(position) * frequencies[i]
        out[position * rotaryDimension + i] = Float(cos(angle))
        out[position * rotaryDimension + half + i] = Float(sin(angle))
      }
    }
    return table
  }

  /// Radians per position of each pair: theta^(-2 i / rotaryDimension), scaled.
  public static func frequencies(rotaryDimension: Int, theta: Double, scaling: RotaryScaling) -> [Double] {
    (0..<rotaryDimension / 2).map { i in
      let frequency = pow(theta, -2 * Double(i) / Double(rotaryDimension))
      switch scaling {
      case .none: return frequency
      case .linear(let factor): return frequency / factor
      case .perFrequency(let divisors): return frequency / Double(divisors[i])
      case .llama3(let factor, let low, let high, let original):
        let waveLength = 2 * Double.pi / frequency, context = Double(original)
        if waveLength < context / high { return frequency }
        if waveLength > context / low { return frequency / factor }
        let smooth = (context / waveLength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }
}
