import CConfinement

/// What this kernel offers to confine foreign code in, when benchmarks run solutions in workers.
enum IsolationHealth {
  static func lines() -> [HealthLine] { [filters, landlock] }

  private static var filters: HealthLine {
    if confinement_can_filter() != 0 { return HealthLine(.ok, "filters of system calls", "usable") }
    return HealthLine(
      .warning, "filters of system calls", "refused by this kernel",
      fix: "isolated benchmarks cannot run here: use a kernel with CONFIG_SECCOMP_FILTER")
  }

  private static var landlock: HealthLine {
    let version = confinement_landlock_version()
    if version > 0 { return HealthLine(.ok, "Landlock", "version \(version)") }
    return HealthLine(
      .missing, "Landlock", "not in this kernel",
      fix: "without it isolated workers may write wherever this user may: boot with lsm=landlock,…")
  }
}
