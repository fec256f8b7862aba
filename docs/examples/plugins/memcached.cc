// A health checker for memcached: asks for the version, and for the number of connections when a
// limit is given: over it the endpoint serves, but is to get less.
//
//   health_checks { config { [health_checkers/memcached] { text: "1000" } } }   (the limit)
#include <weir/plugin/health_checker.hpp>

namespace sdk = weir::sdk;

namespace {

constexpr size_t kMostAnswer = 16 * 1024;

struct Settings {
  explicit Settings(sdk::Config& config) {
    if (!config.text("text").value_or("").empty()) limit = config.number<uint32_t>("text");
  }
  std::optional<uint32_t> limit;
};

class Memcached {
 public:
  Memcached(const Settings& settings, sdk::Probe& probe) : settings_(settings), probe_(probe) {}

  void start() {
    answer_.clear();
    probe_.connect();
  }
  void onConnected() { probe_.write(settings_.limit ? "stats\r\n" : "version\r\n"); }
  // Lines may come in any pieces.
  void onData(sdk::Buffer data, bool end_stream) {
    answer_ += data.string();
    data.clear();
    if (answer_.size() > kMostAnswer) return unhealthy("the answer is too long");
    const bool whole = settings_.limit ? answer_.ends_with("END\r\n") : answer_.ends_with("\r\n");
    if (whole) return judge();
    if (end_stream) unhealthy("closed in the midst of the answer");
  }

 private:
  void judge() {
    if (!settings_.limit) {
      return answer_.starts_with("VERSION ") ? probe_.done(sdk::Health::kHealthy)
                                             : unhealthy("the answer is no VERSION");
    }
    constexpr std::string_view kWanted = "STAT curr_connections ";
    const size_t at = answer_.find(kWanted);
    uint32_t connections = 0;
    if (at == std::string::npos || std::from_chars(answer_.data() + at + kWanted.size(),
                                                   answer_.data() + answer_.size(), connections)
                                           .ec != std::errc()) {
      return unhealthy("the answer has no curr_connections");
    }
    if (connections <= *settings_.limit) return probe_.done(sdk::Health::kHealthy);
    probe_.done(sdk::Health::kDegraded, std::to_string(connections) + " connections");
  }
  void unhealthy(std::string_view why) { probe_.done(sdk::Health::kUnhealthy, why); }

  const Settings& settings_;
  sdk::Probe& probe_;
  std::string answer_;
};

}  // namespace

WEIR_PLUGIN("memcached", "1.0", sdk::healthChecker<Memcached, Settings>("memcached"))
