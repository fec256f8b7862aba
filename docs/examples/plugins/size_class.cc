// A load-balancing policy for endpoints of several classes: a request goes to one whose metadata
// "class" is what the request's field says, and of those to the one with the fewest requests in
// progress. When there is none of that class, to any.
//
//   load_balancing { config { [load_balancing/size_class] { text: "x-size" } } }   (the field)
#include <weir/plugin/kinds.hpp>

namespace sdk = weir::sdk;

namespace {

struct Settings {
  explicit Settings(sdk::Config& config) : field(config.text("text").value_or("")) {
    if (field.empty()) config.error("text", "names no field", "write a request field, \"x-size\"");
  }
  std::string field;
};

class SizeClass {
 public:
  SizeClass(const Settings& settings, std::string_view) : settings_(settings) {}

  void onHosts(sdk::Hosts hosts) {
    classes_.clear();
    for (uint32_t i = 0; i < hosts.size(); ++i) {
      classes_.emplace_back(hosts.metadata(i, "class").value_or(""));
    }
  }
  int32_t pick(sdk::Hosts hosts, sdk::Pick pick) {
    const sdk::Headers request = pick.headers();
    const std::string_view wanted = request ? request.value(settings_.field) : "";
    const int32_t chosen = leastLoaded(hosts, pick, wanted);
    return chosen >= 0 ? chosen : leastLoaded(hosts, pick, {});
  }

 private:
  // Of the class, when one is given; -1: there is none. Those where the request has been come last.
  int32_t leastLoaded(sdk::Hosts hosts, sdk::Pick pick, std::string_view wanted) const {
    int32_t best = -1;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < classes_.size(); ++i) {
      if (!wanted.empty() && classes_[i] != wanted) continue;
      const uint64_t penalty = pick.tried(hosts, i) || hosts.full(i) ? uint64_t{1} << 32 : 0;
      const uint64_t load = hosts.inFlight(i) + penalty;
      if (load >= least) continue;
      least = load;
      best = static_cast<int32_t>(i);
    }
    return best;
  }

  const Settings& settings_;
  std::vector<std::string> classes_;
};

}  // namespace

WEIR_PLUGIN("size_class", "1.0", sdk::loadBalancing<SizeClass, Settings>("size_class"))
