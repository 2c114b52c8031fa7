import Testing
import Traces

@testable import Benchmarking

struct HTMLTests {
  @Test func `the checker itself finds what is wrong`() {
    func problems(_ body: String) -> Int { MarkupCheck.problems("<!DOCTYPE html>\n" + body).count }
    #expect(problems("<p class=\"a\">x &amp; y<br></p>") == 0)
    for wrong in ["<p>", "</p>", "<p></b>", "<p a=b></p>", "a & b", "<p>a > b</p>", "<p a=\"x></p>", "< p></p>"] {
      #expect(problems(wrong) > 0, "\(wrong)")
    }
  }

  @Test func `the page is well formed and shows everything`() throws {
    let page = try ReportTests.report().html()
    #expect(MarkupCheck.problems(page) == [])
    for text in [
      "<h2>gemm</h2>", "<h2>kv_store</h2>", "<svg", "polyline class=\"ceiling\"", "fast (1)", "4.76", "1=", "48 %",
      "<h2>Failures</h2>", "index out of range", "RUNTIME_ERROR", "prefers-color-scheme: dark", "250 ms", "M=3",
    ] { #expect(page.contains(text), "\(text)") }
  }

  @Test func `nothing from outside is markup, and nothing is loaded from elsewhere`() throws {
    var report = try ReportTests.report()
    for i in report.measurements.indices {
      report.measurements[i].solution += ReportTests.attack
      report.measurements[i].definition += ReportTests.attack
      report.measurements[i].operation += ReportTests.attack
      report.measurements[i].flavor += ReportTests.attack
      report.measurements[i].author += ReportTests.attack
      report.measurements[i].workload.uuid += ReportTests.attack
      report.measurements[i].workload.axes = [ReportTests.attack: 1]
    }
    report.machine = ReportTests.attack
    report.commit = ReportTests.attack
    let page = report.html()
    #expect(MarkupCheck.problems(page) == [])
    #expect(!page.contains("<script") && page.contains("&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)"))
    for link in ["http:", "https:", "src=", "href=", "@import", "url("] { #expect(!page.contains(link), "\(link)") }
    #expect(!page.unicodeScalars.contains("\u{1B}"))
  }

  @Test func `figures that are no numbers leave no trace in the plot`() throws {
    var report = try ReportTests.report()
    for (i, cost) in [
      WorkCost(bytes: 0, operations: 5), WorkCost(bytes: 5, operations: 0),
      WorkCost(bytes: .infinity, operations: .nan),
      WorkCost(bytes: 1e300, operations: 1e300), WorkCost(bytes: -1, operations: -1),
    ].enumerated() {
      report.measurements[i % 3].cost = cost
      let page = report.html()
      #expect(MarkupCheck.problems(page) == [])
      for text in ["\"nan\"", "inf\"", "\"-nan\""] { #expect(!page.contains(text)) }
    }
    report.ceilings = nil
    #expect(MarkupCheck.problems(report.html()) == [])
  }
}
