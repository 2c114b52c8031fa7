/// Text that stands in an HTML page as it is, whatever it contains.
enum HTMLText {
  /// For content and quoted attributes alike. Control characters that HTML does not allow become U+FFFD.
  static func escaped(_ text: String) -> String {
    var out = ""
    out.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case "\n", "\t": out.unicodeScalars.append(scalar)
      default:
        let isControl = scalar.properties.generalCategory == .control
        out.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
      }
    }
    return out
  }

  /// An element with escaped text.
  static func element(_ name: String, _ text: String, attributes: String = "") -> String {
    "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(escaped(text))</\(name)>"
  }

  /// Colours for light and dark pages; no external resources.
  static let style = """
    :root { color-scheme: light dark; --text: #1b1f24; --dim: #5b6570; --line: #d4d9de; --page: #ffffff;
      --panel: #f6f8fa; --good: #1a7f37; --bad: #b42318; --c0: #1f6feb; --c1: #d1690e; --c2: #2da44e; --c3: #8250df;
      --c4: #bf3989; --c5: #0f8a8a; }
    @media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --dim: #9aa4ae; --line: #3a424a; --page: #14181c;
      --panel: #1d2227; --good: #57ab5a; --bad: #f47067; --c0: #6cb0ff; --c1: #f0a35e; --c2: #6bc46d; --c3: #b792f5;
      --c4: #f28fc6; --c5: #56c8c8; } }
    body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif;
      color: var(--text); background: var(--page); }
    h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
      padding-top: 1rem; } h3 { font-size: 1rem; margin-bottom: 0.3rem; overflow-wrap: anywhere; }
    .wide { overflow-x: auto; } .dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
    th { color: var(--dim); font-weight: 500; } .left { text-align: left; }
    pre { background: var(--panel); padding: 0.7rem; overflow-x: auto; max-height: 24rem; white-space: pre-wrap; }
    svg { width: 100%; max-width: 46rem; height: auto; background: var(--panel); border-radius: 6px; }
    svg text { fill: var(--dim); font: 11px system-ui, sans-serif; } svg .axis { stroke: var(--line); }
    svg .ceiling { stroke: var(--text); stroke-width: 1.5; fill: none; } svg circle { stroke: var(--page); }
    """
}
