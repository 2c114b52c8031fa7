import CUDADriver

extension LaunchRecord {
  /// Whether a device can run the image at all: code for `sm_90a` runs on that very architecture, for `sm_80` on 8.0 and
  /// later 8.x, emulated code on a stand-in driver only.
  /// - Throws: with what the device is.
  public func check(for device: CUDADevice) throws(LaunchRecordError) {
    let described = "device \(device.ordinal) (\(device.name))"
    guard let number = targetNumber else {
      if target != Self.emulated { throw LaunchRecordError("target", "\(target) has no image that could be launched") }
      if !device.driver.isEmulation {
        throw LaunchRecordError(
          "target", "\(target), but \(described) belongs to the real driver \(device.driver.path)")
      }
      return
    }
    if device.driver.isEmulation {
      throw LaunchRecordError("target", "\(target), but \(described) executes emulated kernels only")
    }
    let major = number / 10, minor = number % 10, found = device.computeCapability
    let runs = found.major == major && (target.hasSuffix("a") ? found.minor == minor : found.minor >= minor)
    if !runs { throw LaunchRecordError("target", "\(target), but \(described) is sm_\(device.targetNumber)") }
  }
}
