#include "source/plugin/kinds/probe.h"

#include <utility>

#include "source/base/concat.h"
#include "source/plugin/guard.h"
#include "source/plugin/host_parts.h"

namespace weir::plugin {
namespace {

using Verdict = upstream::ProbeResult::Verdict;

constexpr size_t kMostReasonBytes = 256;

// One line for people.
std::string lineOf(std::string_view text) {
  std::string line(text.substr(0, kMostReasonBytes));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

PluginProbe::PluginProbe(const ProbeContext& context, const upstream::ProbeTarget& target,
                         upstream::ProbeListener& listener)
    : context_(context),
      target_(target),
      address_(target.address.toString()),
      listener_(listener),
      scope_(context.loop),
      state_(stateOf(*this, context.functions.state_size)) {
  scope_.setOwner(state_);
  if (context_.loop.failed() || context_.functions.probe_create == nullptr) return;
  weir_probe_target asked{};
  asked.size = sizeof asked;
  asked.cluster = str(context_.cluster);
  if (target_.endpoint != nullptr) asked.id = str(target_.endpoint->id);
  asked.address = str(address_);
  guarded(thread(), "probe_create", context_.functions.probe_create, context_.loop.worker(),
          handle(), &std::as_const(asked), state_);
}

PluginProbe::~PluginProbe() {
  cancel();
  scope_.end();
  disconnect(network::CloseMode::kNow);
  if (context_.loop.failed() || context_.functions.probe_destroy == nullptr) return;
  guarded(thread(), "probe_destroy", context_.functions.probe_destroy, state_);
}

void PluginProbe::start() {
  asking_ = State::kAsked;
  if (context_.loop.failed()) return finish({Verdict::kSkipped, "the plugin has failed"});
  guarded(thread(), "start", context_.functions.start, state_, handle());
}

void PluginProbe::cancel() {
  const State before = std::exchange(asking_, State::kIdle);
  if (before == State::kIdle) return;
  event::TurnEndTask::unlink();
  if (before == State::kAsked && !context_.loop.failed() && context_.functions.cancel != nullptr) {
    guarded(thread(), "cancel", context_.functions.cancel, state_, handle());
  }
  disconnect(network::CloseMode::kNow);
}

void PluginProbe::done(uint32_t verdict, std::string_view reason) {
  if (asking_ != State::kAsked) return;
  switch (verdict) {
    case WEIR_PROBE_HEALTHY:
      return finish({Verdict::kHealthy, lineOf(reason)});
    case WEIR_PROBE_DEGRADED:
      return finish({Verdict::kDegraded, lineOf(reason)});
    case WEIR_PROBE_UNHEALTHY:
      return finish({Verdict::kUnhealthy, lineOf(reason)});
    case WEIR_PROBE_SKIPPED:
      return finish({Verdict::kSkipped, lineOf(reason)});
    default:
      thread().error("done", base::concat("says ", verdict, ", which is none of WEIR_PROBE_…"));
      return finish({Verdict::kSkipped, "the plugin has failed"});
  }
}

void PluginProbe::finish(upstream::ProbeResult result) {
  asking_ = State::kDone;
  result_ = std::move(result);
  disconnect(network::CloseMode::kFlushNoLinger);
  context_.loop.dispatcher().atTurnEnd(*this);
}

void PluginProbe::onTurnEnd() {
  if (asking_ != State::kDone) return;
  asking_ = State::kIdle;
  const upstream::ProbeResult result = std::move(result_);
  listener_.onProbeDone(result);  // it may be destroyed in there
}

void PluginProbe::connect() {
  if (connection_ != nullptr || asking_ != State::kAsked) return;
  connection_ = &context_.connections.connect(target_, *this);
}

bool PluginProbe::write(std::string_view bytes) {
  if (connection_ == nullptr || !connection_->network().open()) return false;
  connection_->network().output().append(bytes);
  connection_->network().outputReady();
  return true;
}

void PluginProbe::disconnect(network::CloseMode mode) {
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->leave(mode);
}

void PluginProbe::onUp() {
  if (context_.functions.on_connected == nullptr) return;
  guarded(thread(), "on_connected", context_.functions.on_connected, state_, handle());
}

void PluginProbe::onData(buffer::Buffer& data, bool end_stream) {
  if (context_.functions.on_data == nullptr) return data.clear();
  guarded(thread(), "on_data", context_.functions.on_data, state_, handle(), handleOf(data),
          end_stream ? 1 : 0);
  // Nobody waits for the rest.
  if (connection_ == nullptr) data.clear();
}

void PluginProbe::onGone(const upstream::ConnectionLoss& loss) {
  connection_ = nullptr;
  if (context_.functions.on_closed != nullptr && !loss.ours) {
    guarded(thread(), "on_closed", context_.functions.on_closed, state_, handle(),
            str(loss.reason));
  }
  if (asking_ != State::kAsked || connection_ != nullptr) return;
  finish({loss.ours ? Verdict::kSkipped : Verdict::kUnhealthy, loss.reason});
}

// ---- what a plugin may do -------------------------------------------------------------------

constinit const weir_probe_api kProbeApi{
    .size = sizeof(weir_probe_api),
    .reserved = 0,
    .scope = [](weir_probe* probe) { return handleOf(PluginProbe::of(probe).scope()); },
    .done = [](weir_probe* probe, uint32_t verdict,
               weir_str reason) { PluginProbe::of(probe).done(verdict, view(reason)); },
    .connect = [](weir_probe* probe) { PluginProbe::of(probe).connect(); },
    .write = [](weir_probe* probe, weir_str bytes) -> int32_t {
      return PluginProbe::of(probe).write(view(bytes)) ? 1 : 0;
    },
    .close =
        [](weir_probe* probe) {
          PluginProbe::of(probe).disconnect(network::CloseMode::kFlushNoLinger);
        },
};

}  // namespace weir::plugin
