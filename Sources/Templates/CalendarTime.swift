import Glibc

/// A moment as a calendar shows it; what `strftime_now` prints.
public struct CalendarTime: Sendable, Hashable {
  public var year: Int, month: Int, day: Int
  public var hour: Int, minute: Int, second: Int

  public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second) = (hour, minute, second)
  }

  /// The present, in the machine's time zone.
  public static func local() -> CalendarTime {
    var seconds = time(nil)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return CalendarTime(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
      hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
  }

  /// C's `strftime`; nil when the result is longer than 1 KiB or the format holds a zero byte.
  func formatted(_ format: [UInt8]) -> [UInt8]? {
    if format.isEmpty { return [] }
    if format.contains(0) || format.count > 1024 { return nil }
    var parts = tm()
    parts.tm_year = Int32(clamping: year.subtractingReportingOverflow(1900).partialValue)
    parts.tm_mon = Int32(clamping: month.subtractingReportingOverflow(1).partialValue)
    parts.tm_mday = Int32(clamping: day)
    (parts.tm_hour, parts.tm_min) = (Int32(clamping: hour), Int32(clamping: minute))
    parts.tm_sec = Int32(clamping: second)
    _ = timegm(&parts)  // fills in the day of the week and of the year
    var buffer = [CChar](repeating: 0, count: 1025)
    // A leading blank tells an empty result from one that did not fit.
    let spelled = ([0x20] + format + [0]).map { CChar(bitPattern: $0) }
    let count = strftime(&buffer, buffer.count, spelled, &parts)
    return count == 0 ? nil : buffer[1..<count].map { UInt8(bitPattern: $0) }
  }
}
