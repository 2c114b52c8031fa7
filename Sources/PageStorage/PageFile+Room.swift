import Glibc

extension PageFile {
  /// Slots at most: what is remembered of each takes memory.
  static let slotLimit = 1 << 24

  /// The bytes of all slots, when both numbers are right.
  static func totalBytes(_ slotCount: Int, _ slotBytes: Int, _ label: String) throws(PageStorageError) -> Int {
    for (name, number) in [("slots", slotCount), ("bytes of a slot", slotBytes)] where number < 1 {
      throw PageStorageError(
        .invalid, file: label, "the number of \(name) is wrong", expected: "1 or more", found: "\(number)")
    }
    guard slotCount <= slotLimit else {
      throw PageStorageError(
        .invalid, file: label, "there are too many slots", expected: "at most \(slotLimit)", found: "\(slotCount)")
    }
    let (total, overflows) = slotCount.multipliedReportingOverflow(by: slotBytes)
    guard !overflows else {
      throw PageStorageError(.invalid, file: label, "\(slotCount) slots of \(slotBytes) bytes are beyond all numbers")
    }
    return total
  }

  /// An unnamed file of `total` bytes that take no room yet.
  static func sizedFile(
    in directory: String, _ total: Int, _ label: String, _ way: UnnamedFile.Way
  ) throws(PageStorageError) -> Int32 {
    guard isFileSizeAllowed(total) else {
      throw PageStorageError(
        .noRoom, file: label, "this process may not make files so large (ulimit -f)", expected: "\(total) bytes")
    }
    let descriptor = try UnnamedFile.open(in: directory, way)
    do throws(PageStorageError) {
      var system = statvfs()
      guard fstatvfs(descriptor, &system) == 0 else {
        throw PageStorageError(systemCode: errno, file: label, "examined")
      }
      let (free, overflows) = UInt64(system.f_bavail).multipliedReportingOverflow(by: UInt64(system.f_frsize))
      guard overflows || free >= UInt64(total) else {
        throw PageStorageError(
          .noRoom, file: label, "the file system has too little room", expected: "\(total) bytes", found: "\(free)")
      }
      guard ftruncate(descriptor, total) == 0 else { throw PageStorageError(systemCode: errno, file: label, "sized") }
    } catch {
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// Memory of `total` bytes, which the system gives page by page when it is first written.
  static func hostMemory(_ total: Int, _ label: String) throws(PageStorageError) -> UnsafeMutableRawBufferPointer {
    let installed = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
    guard installed.overflow || installed.partialValue >= total else {
      throw PageStorageError(
        .noRoom, file: label, "this machine has less memory", expected: "\(total) bytes",
        found: "\(installed.partialValue)")
    }
    let memory = mmap(nil, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { throw PageStorageError(systemCode: errno, file: label, "reserved") }
    return UnsafeMutableRawBufferPointer(start: memory, count: total)
  }
}
