#pragma once

#include <memory>

#include "source/network/network_filter.h"
#include "source/plugin/kinds/state.h"
#include "source/plugin/loop.h"

namespace weir::upstream {
class ClusterSet;
}

namespace weir::plugin {

// A network filter of a plugin as configured. Immutable.
class PluginNetworkFilterFactory final : public network::NetworkFilterFactory {
 public:
  PluginNetworkFilterFactory(const Kind& kind, std::shared_ptr<const PluginConfig> config)
      : kind_(kind), config_(std::move(config)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
};

// The same on one worker. Worker-confined.
class NetworkFilterWorker final : public network::WorkerNetworkFilterFactory {
 public:
  NetworkFilterWorker(const Kind& kind, std::shared_ptr<const PluginConfig> config,
                      base::ServiceMap& services);
  std::unique_ptr<network::NetworkFilter> create() override;

  Loop& loop() { return loop_; }
  const weir_network_filter& functions() const { return functions_; }
  const upstream::ClusterSet* clusters() const { return clusters_; }

 private:
  const weir_network_filter functions_;
  const upstream::ClusterSet* const clusters_;  // null in tests
  Loop loop_;
};

// One connection of a plugin's network filter: what a weir_connection stands for. Worker-confined.
class alignas(kMostStateAlign) PluginNetworkFilter final : public network::NetworkFilter,
                                                           public WithState {
 public:
  explicit PluginNetworkFilter(NetworkFilterWorker& worker);

  void onNewConnection(network::NetworkFilterChain& chain) override;
  network::Verdict onConnected() override;
  network::Verdict onData(buffer::Buffer& data, bool end_stream) override;
  network::Verdict onWrite(buffer::Buffer& data, bool end_stream) override;
  bool wantsWrites() const override { return worker_.functions().on_write != nullptr; }
  bool wantsReads() const override { return worker_.functions().on_data != nullptr; }
  void onAboveHighWatermark() override { tellBlocked(true); }
  void onBelowLowWatermark() override { tellBlocked(false); }
  void onDrain() override;
  void onClose(network::CloseReason reason) override;

  // For weir_network_api.
  static PluginNetworkFilter& of(weir_connection* handle) {
    return *reinterpret_cast<PluginNetworkFilter*>(handle);
  }
  NetworkFilterWorker& worker() { return worker_; }
  Scope& scope() { return scope_; }
  using NetworkFilter::chain;
  network::Connection& connection();
  void resume();
  void write(buffer::Buffer* data, bool end_stream);
  void close(uint32_t how);
  // The connection ends for the plugin's fault.
  void fail(std::string_view where, std::string_view what);
  bool setCluster(std::string_view name);

 private:
  weir_connection* handle() { return reinterpret_cast<weir_connection*>(this); }
  ThreadPlugin& thread() { return worker_.loop().thread(); }
  template <class Function, class... Args>
  network::Verdict call(const char* where, Function function, Args... args);
  void tellBlocked(bool blocked);

  NetworkFilterWorker& worker_;
  Scope scope_;
  void* const state_;
  bool taken_ = false;      // the plugin knows of it
  bool in_read_ = false;    // on_connected or on_data is on the stack
  bool resumed_ = false;    // from inside that
  bool connected_ = false;  // on_connected has let it go on
};

}  // namespace weir::plugin
