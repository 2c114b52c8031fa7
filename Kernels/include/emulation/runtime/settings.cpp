#include "settings.h"

#include <cstdlib>
#include <thread>

namespace emulation {

namespace {

double number(const char* name, double otherwise, double least, double most) {
  const char* text = getenv(name);
  if (!text) return otherwise;
  char* end = nullptr;
  const double value = strtod(text, &end);
  if (end == text || *end != 0 || !(value >= least) || !(value <= most)) return otherwise;
  return value;
}

}  // namespace

const Settings& Settings::get() {
  static const Settings settings = [] {
    Settings s;
    const uint32_t processors = std::thread::hardware_concurrency();
    const double workers = processors == 0 ? 1 : processors < 8 ? processors : 8;
    s.workers = static_cast<uint32_t>(number("SWIFTLET_EMULATION_THREADS", workers, 1, 256));
    s.memory_bytes = static_cast<size_t>(number("SWIFTLET_EMULATION_MEMORY", 8.0 * (1 << 30), 0, 1e15));
    s.spin_seconds = number("SWIFTLET_EMULATION_SPIN_SECONDS", 10, 0.01, 1e6);
    s.multiprocessors = static_cast<uint32_t>(number("SWIFTLET_EMULATION_MULTIPROCESSORS", 4, 1, 1000));
    s.capability = static_cast<uint32_t>(number("SWIFTLET_EMULATION_CAPABILITY", 80, 80, 121));
    return s;
  }();
  return settings;
}

}  // namespace emulation
