#pragma once

#include <string>
#include <string_view>

#include "source/event/dispatcher.h"
#include "source/plugin/kinds/state.h"
#include "source/plugin/loop.h"
#include "source/upstream/health_checker.h"
#include "source/upstream/probe_connections.h"

namespace weir::plugin {

// What the probes of one check share. Main-thread only; outlives them.
struct ProbeContext {
  Loop& loop;
  const weir_health_checker& functions;
  upstream::ProbeConnections& connections;
  const std::string& cluster;
};

// One endpoint as a plugin asks it: what a weir_probe stands for. The listener is told at the end
// of a turn of the loop, from no callback of the plugin's. Main-thread only.
class alignas(kMostStateAlign) PluginProbe final : public upstream::HealthProbe,
                                                   public WithState,
                                                   private upstream::ProbeConnectionUser,
                                                   private event::TurnEndTask {
 public:
  PluginProbe(const ProbeContext& context, const upstream::ProbeTarget& target,
              upstream::ProbeListener& listener);
  ~PluginProbe() override;

  void start() override;
  void cancel() override;

  weir_probe* handle() { return reinterpret_cast<weir_probe*>(this); }
  static PluginProbe& of(weir_probe* handle) { return *reinterpret_cast<PluginProbe*>(handle); }
  // What weir_probe_api offers.
  Scope& scope() { return scope_; }
  void done(uint32_t verdict, std::string_view reason);
  void connect();
  bool write(std::string_view bytes);
  void disconnect(network::CloseMode mode);

 private:
  // kAsked → kDone → kIdle; kIdle at any time by cancel().
  enum class State : uint8_t { kIdle, kAsked, kDone };

  void onUp() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onGone(const upstream::ConnectionLoss& loss) override;
  void onTurnEnd() override;
  void finish(upstream::ProbeResult result);
  ThreadPlugin& thread() { return context_.loop.thread(); }

  const ProbeContext context_;
  const upstream::ProbeTarget target_;
  const std::string address_;
  upstream::ProbeListener& listener_;
  Scope scope_;
  void* const state_;
  upstream::ProbeConnection* connection_ = nullptr;  // null: none
  upstream::ProbeResult result_;
  State asking_ = State::kIdle;
};

}  // namespace weir::plugin
