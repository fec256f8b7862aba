// C++20 on top of plugin.hpp: load balancing, access loggers, route providers, and what all kinds
// beside HTTP filters have in common. As there, an exception that escapes ends what it was about (a
// connection, a pick, a probe), is logged and counted, and goes no further.
//
//   struct First {
//     First(const sdk::NoConfig&, std::string_view cluster) {}
//     int32_t pick(sdk::Hosts hosts, sdk::Pick) { return 0; }
//   };
//   WEIR_PLUGIN("first", "1.0", sdk::loadBalancing<First>("first"))
//
// In all of them Settings are made by Settings(Config&) on the main thread, and a Worker, when
// there is one, by Worker(const Settings&, Loop&) on each thread; else the settings stand for it.
#ifndef WEIR_PLUGIN_KINDS_HPP_
#define WEIR_PLUGIN_KINDS_HPP_

#include "plugin.hpp"

namespace weir::sdk {

namespace detail {

template <class C, class W, class Raw>
const weir_kind* finishKind(Raw& raw, uint32_t type, const KindOptions& options) {
  raw.kind = kindOf<C, W>(type, sizeof raw, options);
  if constexpr (std::same_as<C, NoConfig>) {
    raw.kind.config_create = [](void*, const weir_config* config, weir_report* report) -> void* {
      Config source(config, report);
      if (!source.message().empty()) source.error({}, "takes no configuration", "leave it empty");
      return createConfig<NoConfig>(nullptr, config, report);
    };
  }
  return keepKind(raw);
}

// An object that a create function makes of its worker and one more thing.
template <class T, class Worker, class... Args>
void* make(void* worker, Args&&... args) noexcept {
  T* made = nullptr;
  contain([&] { made = new T(static_cast<Worker*>(worker)->value, std::forward<Args>(args)...); },
          [](std::string_view what) { fault(what); });
  return made;
}

}  // namespace detail

// ---- load balancing ----

struct Endpoint {
  uint64_t uid = 0;  // 0: there is no such endpoint
  uint32_t weight = 0;
  uint32_t priority = 0;
  uint32_t health = WEIR_HEALTH_UNKNOWN;
  std::string_view id = {};
  std::string_view locality = {};
};

// Endpoints among which one is chosen, by index; good until onHosts is next called.
class Hosts {
 public:
  explicit Hosts(weir_hosts* hosts) : hosts_(hosts) {}
  uint32_t size() const { return api().hosts_size(hosts_); }
  Endpoint at(uint32_t index) const {
    weir_endpoint raw{};
    raw.size = sizeof raw;
    if (api().endpoint(hosts_, index, &raw) == 0) return {};
    return {raw.uid, raw.weight, raw.priority, raw.health, view(raw.id), view(raw.locality)};
  }
  std::optional<std::string_view> metadata(uint32_t index, std::string_view key) const {
    weir_str value{};
    if (api().endpoint_metadata(hosts_, index, str(key), &value) == 0) return std::nullopt;
    return view(value);
  }
  std::string address(uint32_t index) const {
    weir_scratch scratch;
    weir_str text{};
    api().endpoint_address(hosts_, index, &scratch, &text);
    return std::string(view(text));
  }
  // That this worker has put on it.
  uint32_t inFlight(uint32_t index) const { return api().in_flight(hosts_, index); }
  bool full(uint32_t index) const { return api().full(hosts_, index) != 0; }
  weir_hosts* handle() const { return hosts_; }

 private:
  static const weir_balancer_api& api() { return *host().balancer; }
  weir_hosts* hosts_;
};

// What one choice may look at.
class Pick {
 public:
  explicit Pick(const weir_pick* pick) : pick_(pick) {}
  bool tried(Hosts hosts, uint32_t index) const {
    return api().tried(pick_, hosts.handle(), index) != 0;
  }
  uint32_t attempt() const { return api().attempt(pick_); }
  std::optional<uint64_t> hash() const {
    uint64_t value = 0;
    if (api().hash(pick_, &value) == 0) return std::nullopt;
    return value;
  }
  // False in a boolean context when it is not HTTP.
  Headers headers() const { return Headers(api().headers(pick_)); }
  // The client's address; empty: not known.
  std::string source() const {
    weir_scratch scratch;
    weir_str text{};
    api().source(pick_, &scratch, &text);
    return std::string(view(text));
  }

 private:
  static const weir_balancer_api& api() { return *host().balancer; }
  const weir_pick* pick_;
};

// A load-balancing policy. Balancer is made by Balancer(Worker&, std::string_view cluster) and has
//   int32_t pick(Hosts, Pick);   and, when it cares:   void onHosts(Hosts);
//   void onResponse(Hosts, uint32_t index, std::chrono::microseconds took, bool success);
template <class Balancer, class Settings = NoConfig, class Worker = void>
const weir_kind* loadBalancing(const KindOptions& options, bool uses_hash = false) {
  weir_load_balancing raw{};
  raw.uses_hash = uses_hash ? 1 : 0;
  raw.balancer_create = [](void* worker, weir_str cluster) {
    return detail::make<Balancer, detail::WorkerOf<Settings, Worker>>(worker, view(cluster));
  };
  raw.balancer_destroy = [](void* balancer) { delete static_cast<Balancer*>(balancer); };
  raw.pick = [](void* balancer, weir_hosts* hosts, const weir_pick* pick) {
    int32_t index = -1;
    detail::contain(
        [&] { index = static_cast<Balancer*>(balancer)->pick(Hosts(hosts), Pick(pick)); },
        [](std::string_view what) { fault(what); });
    return index;
  };
  if constexpr (requires(Balancer & b, Hosts h) { b.onHosts(h); }) {
    raw.on_hosts = [](void* balancer, weir_hosts* hosts) {
      detail::contain([&] { static_cast<Balancer*>(balancer)->onHosts(Hosts(hosts)); },
                      [](std::string_view what) { fault(what); });
    };
  }
  if constexpr (requires(Balancer & b, Hosts h) {
                  b.onResponse(h, 0, std::chrono::microseconds(), true);
                }) {
    raw.on_response = [](void* balancer, weir_hosts* hosts, uint32_t index, uint64_t took_us,
                         int32_t success) {
      const std::chrono::microseconds took(static_cast<int64_t>(took_us));
      detail::contain(
          [&] {
            static_cast<Balancer*>(balancer)->onResponse(Hosts(hosts), index, took, success != 0);
          },
          [](std::string_view what) { fault(what); });
    };
  }
  return detail::finishKind<Settings, Worker>(raw, WEIR_LOAD_BALANCING, options);
}

// ---- access loggers ----

// What has happened; good during log(). Without HTTP there are no heads.
struct Exchange {
  Headers request;
  Headers response;
  Headers trailers;
  Info info;
};

// An access logger. Logger is made on each worker by Logger(const Settings&, Loop&) and has
//   void log(const Exchange&);
template <class Logger, class Settings = NoConfig>
const weir_kind* accessLogger(const KindOptions& options) {
  weir_access_logger raw{};
  raw.log = [](void* worker, const weir_headers* request, const weir_headers* response,
               const weir_headers* trailers, const weir_info* info) {
    detail::contain(
        [&] {
          static_cast<detail::WorkerOf<Settings, Logger>*>(worker)->value.log(
              {Headers(request), Headers(response), Headers(trailers), Info(info)});
        },
        [](std::string_view what) { fault(what); });
  };
  return detail::finishKind<Settings, Logger>(raw, WEIR_ACCESS_LOGGER, options);
}

// ---- route providers ----

struct RouteChoice {
  uint32_t answer = WEIR_ROUTE_TABLE;  // WEIR_ROUTE_…
  std::string cluster = {};
  std::string name = {};
  std::optional<std::chrono::milliseconds> timeout = {};  // zero: none
  std::optional<std::chrono::milliseconds> idle_timeout = {};
  std::string host_rewrite = {};
  std::string path_rewrite = {};
};

namespace detail {

// A provider with what it has chosen last, which Weir reads after the call.
template <class P, class C>
struct Provider {
  Provider(const C& settings, Loop& loop) : value(settings, loop) {}
  P value;
  RouteChoice last;
};

inline uint64_t millisOf(const std::optional<std::chrono::milliseconds>& time) {
  return time ? static_cast<uint64_t>(time->count() < 0 ? 0 : time->count()) : WEIR_DEFAULT_MS;
}

}  // namespace detail

// A route provider. Provider is made on each worker by Provider(const Settings&, Loop&) and has
//   RouteChoice resolve(Headers request, Info info);
template <class Provider, class Settings = NoConfig>
const weir_kind* routeProvider(const KindOptions& options) {
  using Kept = detail::Provider<Provider, Settings>;
  weir_route_provider raw{};
  raw.resolve = [](void* worker, const weir_headers* request, const weir_info* info,
                   weir_route_choice* out) -> uint32_t {
    Kept& kept = static_cast<detail::WorkerOf<Settings, Kept>*>(worker)->value;
    uint32_t answer = WEIR_ROUTE_FAIL;
    detail::contain(
        [&] {
          kept.last = kept.value.resolve(Headers(request), Info(info));
          out->cluster = str(kept.last.cluster);
          out->name = str(kept.last.name);
          out->timeout_ms = detail::millisOf(kept.last.timeout);
          out->idle_timeout_ms = detail::millisOf(kept.last.idle_timeout);
          out->host_rewrite = str(kept.last.host_rewrite);
          out->path_rewrite = str(kept.last.path_rewrite);
          answer = kept.last.answer;
        },
        [](std::string_view what) { fault(what); });
    return answer;
  };
  return detail::finishKind<Settings, Kept>(raw, WEIR_ROUTE_PROVIDER, options);
}

}  // namespace weir::sdk

#endif  // WEIR_PLUGIN_KINDS_HPP_
