// A plugin of which everything throws.
#include <stdexcept>

#include <weir/plugin/health_checker.hpp>
#include <weir/plugin/network_filter.hpp>
#include <weir/plugin/stickiness.hpp>

namespace sdk = weir::sdk;

namespace {

[[noreturn]] void fail() {
  throw std::runtime_error("thrown on purpose");
}

struct Filter {
  Filter(const sdk::NoConfig&, sdk::Connection&) {}
  sdk::Verdict onData(sdk::Buffer, bool) { fail(); }
};

struct Balancer {
  template <class Any>
  Balancer(const Any&, std::string_view) {}
  int32_t pick(sdk::Hosts, sdk::Pick) { fail(); }
};

struct Checker {
  Checker(const sdk::NoConfig&, sdk::Probe&) {}
  void start() { fail(); }
};

// Not even made.
struct Unmade {
  Unmade(const sdk::NoConfig&, sdk::Probe&) { fail(); }
  void start() {}
};

struct Binding {
  Binding(const sdk::NoConfig&, sdk::StickyCluster) {}
  sdk::StickyAnswer find(sdk::Pick, sdk::Sticky) { fail(); }
  uint64_t onChosen(sdk::Pick, sdk::Sticky, uint64_t) { fail(); }
  void cancel(sdk::Sticky) { fail(); }
  void onSend(sdk::Sticky, sdk::Headers) { fail(); }
  void onAnswer(sdk::Pick, sdk::Sticky, uint64_t, sdk::Headers) { throw 7; }
};

struct Logger {
  Logger(const sdk::NoConfig&, sdk::Loop&) {}
  void log(const sdk::Exchange&) { fail(); }
};

struct Provider {
  Provider(const sdk::NoConfig&, sdk::Loop&) {}
  sdk::RouteChoice resolve(sdk::Headers request, sdk::Info) {
    if (request.value("x-route").empty()) fail();
    return {.answer = WEIR_ROUTE_CLUSTER,
            .cluster = std::string(request.value("x-route")),
            .path_rewrite = "/from-provider"};
  }
};

// Settings that throw are a wrong configuration.
struct Settings {
  explicit Settings(sdk::Config&) { fail(); }
};

}  // namespace

WEIR_PLUGIN("throwing", "1.0", sdk::networkFilter<Filter>("throwing"),
            sdk::loadBalancing<Balancer>("throwing"),
            sdk::loadBalancing<Balancer, Settings>("unsettled"),
            sdk::healthChecker<Checker>("throwing"), sdk::healthChecker<Unmade>("unmade"),
            sdk::stickiness<Binding>("throwing"), sdk::accessLogger<Logger>("throwing"),
            sdk::routeProvider<Provider>("throwing"))
