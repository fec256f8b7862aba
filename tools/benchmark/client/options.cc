#include "tools/benchmark/client/options.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace weir::benchmark {

const char* const kUsage =
    "usage: client MODE PORT [--connections N] [--seconds N] [--size BYTES] [--path PATH]\n"
    "              [--rate N]\n"
    "MODE is tls-full, tls-resumed, tls-keepalive, tcp or udp.\n";

namespace {

constexpr size_t kMinMessage = 16;  // room for its number
constexpr size_t kMaxMessage = 1024 * 1024;
constexpr size_t kMaxDatagram = 60'000;

constexpr std::array<std::pair<std::string_view, Mode>, 5> kModes = {{
    {"tls-full", Mode::kTlsFull},
    {"tls-resumed", Mode::kTlsResumed},
    {"tls-keepalive", Mode::kTlsKeepalive},
    {"tcp", Mode::kTcp},
    {"udp", Mode::kUdp},
}};

template <typename T>
bool parseNumber(std::string_view text, T low, T high, T& out) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && rest == end && out >= low && out <= high;
}

bool parseMode(std::string_view text, Mode& out) {
  for (const auto& [name, mode] : kModes) {
    if (text != name) continue;
    out = mode;
    return true;
  }
  return false;
}

bool parseOption(std::string_view name, std::string_view value, Options& options) {
  if (name == "--connections") return parseNumber<size_t>(value, 1, 100'000, options.connections);
  if (name == "--seconds") return parseNumber<uint64_t>(value, 1, 3600, options.seconds);
  if (name == "--size") return parseNumber<size_t>(value, kMinMessage, kMaxMessage, options.size);
  if (name == "--rate") return parseNumber<uint64_t>(value, 1, 1'000'000, options.rate);
  if (name != "--path" || !value.starts_with('/')) return false;
  options.path = value;
  return true;
}

}  // namespace

std::optional<Options> parseOptions(int argc, const char* const* argv) {
  Options options;
  // MODE and PORT, then pairs.
  if (argc < 3 || argc % 2 == 0 || !parseMode(argv[1], options.mode) ||
      !parseNumber<uint16_t>(argv[2], 1, 65535, options.port)) {
    return std::nullopt;
  }
  for (int i = 3; i < argc; i += 2) {
    if (!parseOption(argv[i], argv[i + 1], options)) return std::nullopt;
  }
  if (options.mode == Mode::kUdp && options.size > kMaxDatagram) return std::nullopt;
  return options;
}

}  // namespace weir::benchmark
