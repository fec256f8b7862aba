#include "source/plugin/thread_plugin.h"

#include <map>

#include "source/base/concat.h"

namespace weir::plugin {
namespace {

// All plugins on one thread. Worker-confined.
class ThreadPlugins {
 public:
  explicit ThreadPlugins(base::ServiceMap& services)
      : services_(services), gate_(std::make_shared<Gate>(services.get<event::Dispatcher>())) {}
  ~ThreadPlugins() { gate_->close(); }
  ThreadPlugins(const ThreadPlugins&) = delete;
  ThreadPlugins& operator=(const ThreadPlugins&) = delete;

  ThreadPlugin& of(Plugin& plugin) {
    std::unique_ptr<ThreadPlugin>& found = plugins_[&plugin];
    if (found == nullptr) found = std::make_unique<ThreadPlugin>(plugin, gate_, services_);
    return *found;
  }

 private:
  base::ServiceMap& services_;
  const std::shared_ptr<Gate> gate_;
  std::map<Plugin*, std::unique_ptr<ThreadPlugin>> plugins_;
};

stats::Cell& counter(base::ServiceMap& services, const Plugin& plugin, std::string_view name,
                     std::string_view help) {
  return services.get<stats::Block>().counter(
      services.get<stats::Store>().counter(name, help, {{"plugin", plugin.name()}}));
}

std::string others(uint64_t held_back) {
  return held_back == 0 ? "" : base::concat(" (and ", held_back, " more)");
}

}  // namespace

ThreadPlugin& ThreadPlugin::of(Plugin& plugin, base::ServiceMap& services) {
  return services.shared<ThreadPlugins>([&] { return std::make_shared<ThreadPlugins>(services); })
      .of(plugin);
}

ThreadPlugin::ThreadPlugin(Plugin& plugin, std::shared_ptr<Gate> gate, base::ServiceMap& services)
    : plugin_(plugin),
      gate_(std::move(gate)),
      dispatcher_(services.get<event::Dispatcher>()),
      slow_callback_(plugin.facts().slow_callback),
      block_(services.get<stats::Block>()),
      metrics_(
          stats::UserMetrics::of(services.get<stats::Store>(),
                                 {.prefix = "plugin_", .labels = {{"plugin", plugin.name()}}})),
      calls_(counter(services, plugin, "plugins_calls_total", "Calls of a plugin's functions.")),
      errors_(counter(services, plugin, "plugins_errors_total",
                      "Failures of a plugin: exceptions, what it says has failed, what it must not "
                      "do.")),
      slow_(counter(services, plugin, "plugins_slow_calls_total",
                    "Calls of a plugin's functions that took longer than slow_callback.")) {}

void ThreadPlugin::error(std::string_view where, std::string_view what) {
  errors_.add();
  const auto held_back = error_log_.admit(dispatcher_.now());
  if (held_back.has_value()) {
    base::log::error(plugin_.area(), where, ": ", what, others(*held_back));
  }
}

void ThreadPlugin::slow(std::string_view where, std::chrono::milliseconds took) {
  slow_.add();
  const auto held_back = slow_log_.admit(dispatcher_.now());
  if (held_back.has_value()) {
    base::log::warning(plugin_.area(), where, " took ", took.count(),
                       " ms, in which its thread did nothing else", others(*held_back));
  }
}

}  // namespace weir::plugin
