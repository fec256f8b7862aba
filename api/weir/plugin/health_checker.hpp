// C++20 on top of plugin.hpp: health checkers. Everything here runs on the main thread.
//
//   struct Greeted {
//     Greeted(const sdk::NoConfig&, sdk::Probe& probe) : probe(probe) {}
//     void start() { probe.connect(); }
//     void onData(sdk::Buffer data, bool) {
//       probe.done(data.bytes().starts_with("hello") ? sdk::Health::kHealthy
//                                                    : sdk::Health::kUnhealthy);
//     }
//     sdk::Probe& probe;
//   };
//   WEIR_PLUGIN("greeted", "1.0", sdk::healthChecker<Greeted>("greeted"))
#ifndef WEIR_PLUGIN_HEALTH_CHECKER_HPP_
#define WEIR_PLUGIN_HEALTH_CHECKER_HPP_

#include "kinds.hpp"

namespace weir::sdk {

enum class Health : uint32_t {
  kHealthy = WEIR_PROBE_HEALTHY,
  kDegraded = WEIR_PROBE_DEGRADED,
  kUnhealthy = WEIR_PROBE_UNHEALTHY,
  kSkipped = WEIR_PROBE_SKIPPED
};

// One endpoint that is asked again and again. A checker may keep the reference given to its
// constructor until its end.
class Probe {
 public:
  Probe(weir_probe* probe, const weir_probe_target& target)
      : probe_(probe),
        target_(target),
        scope_(api().scope(probe), [probe](std::string_view what) { failed(probe, what); }) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  std::string_view cluster() const { return view(target_.cluster); }
  std::string_view id() const { return view(target_.id); }
  std::string_view address() const { return view(target_.address); }
  // Once for each start().
  void done(Health verdict, std::string_view reason = {}) {
    api().done(probe_, static_cast<uint32_t>(verdict), str(reason));
  }
  // To the endpoint, with the transport of the check; onConnected or onClosed follow.
  void connect() { api().connect(probe_); }
  // False: there is no connection.
  bool write(std::string_view bytes) { return api().write(probe_, str(bytes)) != 0; }
  void close() { api().close(probe_); }
  // Timers; they end with the probe, not with each question.
  Scope& scope() { return scope_; }
  // For other threads: runs task(Checker&) here while the checker is there.
  template <class Checker>
  [[nodiscard]] Ticket<Checker> ticket();
  weir_probe* handle() const { return probe_; }

  // An exception says nothing of the endpoint.
  static void failed(weir_probe* probe, std::string_view what) {
    fault(what);
    api().done(probe, WEIR_PROBE_SKIPPED, str(what));
  }

 private:
  static const weir_probe_api& api() { return *host().probe; }
  weir_probe* probe_;
  const weir_probe_target target_;
  Scope scope_;
};

namespace detail {

template <class P>
struct ProbeState {
  template <class W>
  ProbeState(W& worker, weir_probe* handle, const weir_probe_target& target)
      : probe(handle, target), checker(worker, probe) {}
  Probe probe;
  P checker;
  bool made = true;
};

template <class P, class C, class W>
struct ProbeGlue {
  using State = ProbeState<P>;
  static_assert(sizeof(State) <= 65536 && alignof(State) <= alignof(std::max_align_t));

  // One whose constructor has thrown stays zeroed.
  template <class Body>
  static void call(void* state, weir_probe* probe, Body&& body) noexcept {
    auto* const object = static_cast<State*>(state);
    if (!object->made) return Probe::failed(probe, "the checker could not be made");
    contain([&] { body(object->checker); },
            [&](std::string_view what) { Probe::failed(probe, what); });
  }
  static weir_health_checker describe() {
    weir_health_checker raw{};
    raw.state_size = sizeof(State);
    raw.state_align = alignof(State);
    raw.probe_create = [](void* worker, weir_probe* probe, const weir_probe_target* target,
                          void* state) {
      contain(
          [&] { new (state) State(static_cast<WorkerOf<C, W>*>(worker)->value, probe, *target); },
          [&](std::string_view what) {
            static_cast<State*>(state)->made = false;
            fault(what);
          });
    };
    raw.probe_destroy = [](void* state) {
      auto* const object = static_cast<State*>(state);
      if (!object->made) return;
      object->probe.scope().end();
      object->~State();
    };
    raw.start = [](void* s, weir_probe* probe) { call(s, probe, [](P& p) { p.start(); }); };
    raw.cancel = [](void* s, weir_probe* probe) {
      if constexpr (requires(P & p) { p.cancel(); }) call(s, probe, [](P& p) { p.cancel(); });
    };
    if constexpr (requires(P & p) { p.onConnected(); }) {
      raw.on_connected = [](void* s, weir_probe* probe) {
        call(s, probe, [](P& p) { p.onConnected(); });
      };
    }
    if constexpr (requires(P & p, Buffer b) { p.onData(b, true); }) {
      raw.on_data = [](void* s, weir_probe* probe, weir_buffer* data, int32_t end) {
        call(s, probe, [&](P& p) { p.onData(Buffer(data), end != 0); });
      };
    }
    if constexpr (requires(P & p) { p.onClosed(std::string_view()); }) {
      raw.on_closed = [](void* s, weir_probe* probe, weir_str why) {
        call(s, probe, [&](P& p) { p.onClosed(view(why)); });
      };
    }
    return raw;
  }
};

}  // namespace detail

template <class Checker>
Ticket<Checker> Probe::ticket() {
  return Ticket<Checker>(
      host().ticket_create(scope().handle()), [](void* owner) -> typename Ticket<Checker>::Found {
        auto* const state = static_cast<detail::ProbeState<Checker>*>(owner);
        return {&state->checker, state->probe.handle(), [](void* probe, std::string_view what) {
                  Probe::failed(static_cast<weir_probe*>(probe), what);
                }};
      });
}

// A health checker. Checker is made for each endpoint by Checker(Worker&, Probe&) and has
//   void start();   and, when it cares:   void cancel();  void onConnected();
//   void onData(Buffer, bool end_stream);  void onClosed(std::string_view why);
template <class Checker, class Settings = NoConfig, class Worker = void>
const weir_kind* healthChecker(const KindOptions& options) {
  weir_health_checker raw = detail::ProbeGlue<Checker, Settings, Worker>::describe();
  return detail::finishKind<Settings, Worker>(raw, WEIR_HEALTH_CHECKER, options);
}

}  // namespace weir::sdk

#endif  // WEIR_PLUGIN_HEALTH_CHECKER_HPP_
