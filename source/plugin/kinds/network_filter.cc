#include "source/plugin/kinds/network_filter.h"

#include <cstddef>
#include <string>
#include <utility>

#include "source/base/concat.h"
#include "source/config/extensions.h"
#include "source/network/filter_chain.h"
#include "source/plugin/guard.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/kinds/all.h"
#include "source/upstream/cluster_set.h"

namespace weir::plugin {
namespace {

using network::CloseMode;
using network::Verdict;

// Immutable.
class PluginNetworkExtension final : public PluginExtension<config::NetworkFilterExtension> {
 public:
  using PluginExtension::PluginExtension;
  bool terminal() const override {
    return readKind<weir_network_filter>(kind().raw()).terminal != 0;
  }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext&) const override {
    auto compiled = compilePluginConfig(kind(), config, at);
    if (compiled == nullptr) return nullptr;
    return std::make_shared<PluginNetworkFilterFactory>(kind(), std::move(compiled));
  }
};

std::string check(const void* raw) {
  const auto functions = readKind<weir_network_filter>(raw);
  if (functions.terminal != 0 && functions.on_data == nullptr) {
    return "it is terminal, and on_data is missing";
  }
  return problemOfState(functions.state_size, functions.state_align);
}

}  // namespace

// ---- worker ---------------------------------------------------------------------------------

std::unique_ptr<network::WorkerNetworkFilterFactory> PluginNetworkFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<NetworkFilterWorker>(kind_, config_, services);
}

NetworkFilterWorker::NetworkFilterWorker(const Kind& kind,
                                         std::shared_ptr<const PluginConfig> config,
                                         base::ServiceMap& services)
    : functions_(readKind<weir_network_filter>(kind.raw())),
      clusters_(services.find<upstream::ClusterSet>()),
      loop_(kind, std::move(config), services) {}

std::unique_ptr<network::NetworkFilter> NetworkFilterWorker::create() {
  return std::unique_ptr<network::NetworkFilter>(new (functions_.state_size)
                                                     PluginNetworkFilter(*this));
}

// ---- connection -----------------------------------------------------------------------------

PluginNetworkFilter::PluginNetworkFilter(NetworkFilterWorker& worker)
    : worker_(worker),
      scope_(worker.loop()),
      state_(stateOf(*this, worker.functions().state_size)) {
  scope_.setOwner(state_);
}

network::Connection& PluginNetworkFilter::connection() {
  return chain().connection();
}

void PluginNetworkFilter::onNewConnection(network::NetworkFilterChain& chain) {
  NetworkFilter::onNewConnection(chain);
  if (worker_.loop().failed()) return connection().close(CloseMode::kNow);
  const auto create = worker_.functions().create;
  taken_ = create == nullptr ||
           guarded(thread(), "create", create, worker_.loop().worker(), handle(), state_) != 0;
  if (!taken_) connection().close(CloseMode::kNow);
}

// One that asks to go on from inside its callback is taken at its word.
template <class Function, class... Args>
Verdict PluginNetworkFilter::call(const char* where, Function function, Args... args) {
  const int32_t verdict = guarded(thread(), where, function, state_, handle(), args...);
  if (verdict == WEIR_CONTINUE) return Verdict::kContinue;
  if (verdict != WEIR_PAUSE) {
    fail(where, verdict == WEIR_FAIL ? std::string("the plugin has failed for a connection")
                                     : base::concat("says ", verdict, ", which is no verdict"));
  }
  return Verdict::kPause;
}

Verdict PluginNetworkFilter::onConnected() {
  const auto function = worker_.functions().on_connected;
  if (!taken_ || function == nullptr) {
    connected_ = true;
    return Verdict::kContinue;
  }
  in_read_ = true;
  Verdict verdict = call("on_connected", function);
  in_read_ = false;
  if (std::exchange(resumed_, false) && connection().open()) verdict = Verdict::kContinue;
  connected_ = verdict == Verdict::kContinue;
  return verdict;
}

Verdict PluginNetworkFilter::onData(buffer::Buffer& data, bool end_stream) {
  const auto function = worker_.functions().on_data;
  if (!taken_ || function == nullptr) return Verdict::kContinue;
  in_read_ = true;
  const Verdict verdict = call("on_data", function, handleOf(data), end_stream ? 1 : 0);
  in_read_ = false;
  const bool resumed = std::exchange(resumed_, false) && connection().open();
  return resumed ? Verdict::kContinue : verdict;
}

Verdict PluginNetworkFilter::onWrite(buffer::Buffer& data, bool end_stream) {
  if (!taken_) return Verdict::kContinue;
  return call("on_write", worker_.functions().on_write, handleOf(data), end_stream ? 1 : 0);
}

void PluginNetworkFilter::tellBlocked(bool blocked) {
  const auto function = worker_.functions().on_blocked;
  if (!taken_ || function == nullptr) return;
  guarded(thread(), "on_blocked", function, state_, handle(), blocked ? 1 : 0);
}

void PluginNetworkFilter::onDrain() {
  const auto function = worker_.functions().on_drain;
  if (taken_ && function != nullptr) guarded(thread(), "on_drain", function, state_, handle());
}

void PluginNetworkFilter::onClose(network::CloseReason) {
  scope_.end();
  if (!std::exchange(taken_, false)) return;
  const auto function = worker_.functions().on_close;
  if (function != nullptr) guarded(thread(), "on_close", function, state_, handle());
}

// ---- what a plugin may do -------------------------------------------------------------------

void PluginNetworkFilter::resume() {
  if (!connection().open()) return;
  if (in_read_) {
    resumed_ = true;
  } else if (connected_) {
    chain().resumeRead(*this);
  } else {
    connected_ = true;
    chain().resumeConnected(*this);
  }
}

void PluginNetworkFilter::write(buffer::Buffer* data, bool end_stream) {
  if (!connection().open()) {
    if (data != nullptr) data->clear();
    return;
  }
  buffer::Buffer none(worker_.loop().blocks());
  chain().write(*this, data != nullptr ? *data : none, end_stream);
}

void PluginNetworkFilter::close(uint32_t how) {
  switch (how) {
    case WEIR_CLOSE_FLUSH:
      return connection().close(CloseMode::kFlush);
    case WEIR_CLOSE_RESET:
      return connection().close(CloseMode::kReset);
    default:
      return connection().close(CloseMode::kNow);
  }
}

void PluginNetworkFilter::fail(std::string_view where, std::string_view what) {
  thread().error(where, what);
  connection().close(CloseMode::kNow);
}

bool PluginNetworkFilter::setCluster(std::string_view name) {
  if (worker_.clusters() == nullptr || !worker_.clusters()->find(name)) return false;
  chain().mutableInfo().cluster = name;
  return true;
}

constinit const weir_network_api kNetworkApi{
    .size = sizeof(weir_network_api),
    .reserved = 0,
    .info =
        [](weir_connection* handle) { return handleOf(PluginNetworkFilter::of(handle).chain()); },
    .scope =
        [](weir_connection* handle) { return handleOf(PluginNetworkFilter::of(handle).scope()); },
    .loop =
        [](weir_connection* handle) {
          return handleOf(PluginNetworkFilter::of(handle).worker().loop());
        },
    .resume = [](weir_connection* handle) { PluginNetworkFilter::of(handle).resume(); },
    .write =
        [](weir_connection* handle, weir_buffer* data, int32_t end_stream) {
          buffer::Buffer* const bytes = data == nullptr ? nullptr : &bufferOf(data);
          PluginNetworkFilter::of(handle).write(bytes, end_stream != 0);
        },
    .read_enable =
        [](weir_connection* handle, int32_t enabled) {
          PluginNetworkFilter::of(handle).connection().setReadEnabled(enabled != 0);
        },
    .close = [](weir_connection* handle,
                uint32_t how) { PluginNetworkFilter::of(handle).close(how); },
    .fail = [](weir_connection* handle,
               weir_str what) { PluginNetworkFilter::of(handle).fail("fail", view(what)); },
    .set_cluster = [](weir_connection* handle, weir_str cluster) -> int32_t {
      return PluginNetworkFilter::of(handle).setCluster(view(cluster)) ? 1 : 0;
    },
};

constinit const KindType kNetworkFilterType{
    .type = WEIR_NETWORK_FILTER,
    .category = config::NetworkFilterExtension::kCategory,
    .least_size = offsetof(weir_network_filter, on_close) + sizeof(weir_network_filter::on_close),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<PluginNetworkExtension>(kind);
    },
};

}  // namespace weir::plugin
