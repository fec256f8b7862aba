#include "source/lua/worker_script.h"

#include "source/base/concat.h"

namespace weir::lua {
namespace {

// A script of which no state could be made (memory, a file that went) is tried again.
constexpr std::chrono::seconds kRetry{1};

}  // namespace

WorkerScript::WorkerScript(std::shared_ptr<Script> script, base::ServiceMap& services,
                           void* context)
    : script_(std::move(script)),
      host_{&services, &services.get<event::Dispatcher>(), &services.get<stats::Block>(), context},
      bypassed_streams_(host_.block->counter(script_->metrics().bypassed_streams)) {}

WorkerScript::~WorkerScript() {
  if (state_) state_->retire();
}

State* WorkerScript::state() {
  bypassed_ = script_->bypassed() && script_->bypassedAt(host_.dispatcher->now());
  if (bypassed_) {
    bypassed_streams_.add();
    return nullptr;
  }
  if (script_->version() != version_ || !state_ || state_->spent()) [[unlikely]]
    renew();
  return state_.get();
}

void WorkerScript::renew() {
  const event::MonotonicTime now = host_.dispatcher->now();
  auto source = script_->source();
  if (source->version == version_ && now < retry_at_) return;
  version_ = source->version;
  retry_at_ = now + kRetry;
  Error error;
  auto fresh = State::create(*script_, std::move(source), host_, error);
  // Else the old one is better than none.
  if (!fresh) return;
  if (state_) state_->retire();
  state_ = std::move(fresh);
}

}  // namespace weir::lua
