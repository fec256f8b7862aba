// C++20 on top of plugin.hpp: filters of the bytes of connections.
//
//   struct Upper {
//     Upper(const sdk::NoConfig&, sdk::Connection&) {}
//     sdk::Verdict onData(sdk::Buffer data, bool) { return sdk::Verdict::kContinue; }
//   };
//   WEIR_PLUGIN("upper", "1.0", sdk::networkFilter<Upper>("upper"))
#ifndef WEIR_PLUGIN_NETWORK_FILTER_HPP_
#define WEIR_PLUGIN_NETWORK_FILTER_HPP_

#include "kinds.hpp"

namespace weir::sdk {

enum class CloseMode : uint32_t {
  kFlush = WEIR_CLOSE_FLUSH,
  kNow = WEIR_CLOSE_NOW,
  kReset = WEIR_CLOSE_RESET
};

// One connection of a client. A filter may keep the reference given to its constructor until its
// end.
class Connection {
 public:
  explicit Connection(weir_connection* connection)
      : connection_(connection),
        scope_(api().scope(connection),
               [connection](std::string_view what) { api().fail(connection, str(what)); }) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Info info() const { return Info(api().info(connection_)); }
  // After Verdict::kPause of onConnected or onData.
  void resume() { api().resume(connection_); }
  // Towards the client. Takes all of `data`.
  void write(Buffer data, bool end_stream = false) {
    api().write(connection_, data.handle(), end_stream ? 1 : 0);
  }
  void write(std::string_view bytes, bool end_stream = false) {
    OwnBuffer data(api().loop(connection_));
    data.append(bytes);
    write(data, end_stream);
  }
  void readEnable(bool enabled) { api().read_enable(connection_, enabled ? 1 : 0); }
  void close(CloseMode how = CloseMode::kFlush) {
    api().close(connection_, static_cast<uint32_t>(how));
  }
  void fail(std::string_view what) { api().fail(connection_, str(what)); }
  // False: there is no such cluster.
  bool setCluster(std::string_view cluster) {
    return api().set_cluster(connection_, str(cluster)) != 0;
  }
  // Timers and calls of this connection.
  Scope& scope() { return scope_; }
  // For other threads: runs task(Filter&) here while the filter is there.
  template <class Filter>
  [[nodiscard]] Ticket<Filter> ticket();
  weir_connection* handle() const { return connection_; }

 private:
  static const weir_network_api& api() { return *host().network; }
  weir_connection* connection_;
  Scope scope_;
};

namespace detail {

template <class F>
struct NetworkState {
  template <class W>
  NetworkState(W& worker, weir_connection* handle)
      : connection(handle), filter(worker, connection) {}
  Connection connection;
  F filter;
};

template <class F, class C, class W>
struct NetworkGlue {
  using State = NetworkState<F>;
  static_assert(sizeof(State) <= 65536 && alignof(State) <= alignof(std::max_align_t));

  template <class Body>
  static int32_t verdictOf(void* state, weir_connection* connection, Body&& body) noexcept {
    auto verdict = Verdict::kPause;
    contain([&] { verdict = body(static_cast<State*>(state)->filter); },
            [&](std::string_view what) { host().network->fail(connection, str(what)); });
    return static_cast<int32_t>(verdict);
  }
  template <class Body>
  static void call(void* state, weir_connection* connection, Body&& body) noexcept {
    contain([&] { body(static_cast<State*>(state)->filter); },
            [&](std::string_view what) { host().network->fail(connection, str(what)); });
  }
  static int32_t create(void* worker, weir_connection* connection, void* state) noexcept {
    bool made = false;
    contain(
        [&] {
          new (state) State(static_cast<WorkerOf<C, W>*>(worker)->value, connection);
          made = true;
        },
        [](std::string_view what) { fault(what); });
    return made ? 1 : 0;
  }
  static void close(void* state, weir_connection*) noexcept {
    auto* const object = static_cast<State*>(state);
    object->connection.scope().end();
    contain(
        [&] {
          if constexpr (requires(F & f) { f.onClose(); }) object->filter.onClose();
        },
        [](std::string_view what) { fault(what); });
    object->~State();
  }

  static weir_network_filter describe() {
    weir_network_filter raw{};
    raw.state_size = sizeof(State);
    raw.state_align = alignof(State);
    raw.create = create;
    raw.on_close = close;
    if constexpr (requires(F & f) { f.onConnected(); }) {
      raw.on_connected = [](void* s, weir_connection* c) {
        return verdictOf(s, c, [](F& f) { return f.onConnected(); });
      };
    }
    if constexpr (requires(F & f, Buffer b) { f.onData(b, true); }) {
      raw.on_data = [](void* s, weir_connection* c, weir_buffer* b, int32_t end) {
        return verdictOf(s, c, [&](F& f) { return f.onData(Buffer(b), end != 0); });
      };
    }
    if constexpr (requires(F & f, Buffer b) { f.onWrite(b, true); }) {
      raw.on_write = [](void* s, weir_connection* c, weir_buffer* b, int32_t end) {
        return verdictOf(s, c, [&](F& f) { return f.onWrite(Buffer(b), end != 0); });
      };
    }
    if constexpr (requires(F & f) { f.onBlocked(true); }) {
      raw.on_blocked = [](void* s, weir_connection* c, int32_t blocked) {
        call(s, c, [&](F& f) { f.onBlocked(blocked != 0); });
      };
    }
    if constexpr (requires(F & f) { f.onDrain(); }) {
      raw.on_drain = [](void* s, weir_connection* c) { call(s, c, [](F& f) { f.onDrain(); }); };
    }
    return raw;
  }
};

}  // namespace detail

template <class Filter>
Ticket<Filter> Connection::ticket() {
  return Ticket<Filter>(
      host().ticket_create(scope().handle()), [](void* owner) -> typename Ticket<Filter>::Found {
        auto* const state = static_cast<detail::NetworkState<Filter>*>(owner);
        return {&state->filter, state->connection.handle(),
                [](void* connection, std::string_view what) {
                  host().network->fail(static_cast<weir_connection*>(connection), str(what));
                }};
      });
}

// A network filter. Filter is made by Filter(Worker&, Connection&) and has those of these members
// that it cares for:
//   Verdict onConnected();  Verdict onData(Buffer, bool end_stream);  Verdict onWrite(Buffer,
//   bool); void onBlocked(bool);  void onDrain();  void onClose();
// `terminal`: it is the last of its chain and takes the bytes for good.
template <class Filter, class Settings = NoConfig, class Worker = void>
const weir_kind* networkFilter(const KindOptions& options, bool terminal = false) {
  weir_network_filter raw = detail::NetworkGlue<Filter, Settings, Worker>::describe();
  raw.terminal = terminal ? 1 : 0;
  return detail::finishKind<Settings, Worker>(raw, WEIR_NETWORK_FILTER, options);
}

}  // namespace weir::sdk

#endif  // WEIR_PLUGIN_NETWORK_FILTER_HPP_
