#include "source/plugin/loop.h"

#include <utility>

#include "source/base/concat.h"
#include "source/network/io_context.h"
#include "source/plugin/guard.h"

namespace weir::plugin {

Loop::Loop(const Kind& kind, std::shared_ptr<const PluginConfig> config, base::ServiceMap& services)
    : kind_(kind),
      config_(std::move(config)),
      services_(services),
      dispatcher_(services.get<event::Dispatcher>()),
      blocks_(services.get<network::IoContext>().blocks()),
      index_(services.get<network::IoContext>().workerIndex()),
      thread_(ThreadPlugin::of(kind.plugin(), services)),
      scope_(*this) {
  void* const object = config_ == nullptr ? nullptr : config_->object();
  if (const auto create = kind_.head().worker_create; create != nullptr) {
    worker_ = guarded(thread_, "worker_create", create, object, handleOf(*this));
    failed_ = worker_ == nullptr;
  } else {
    worker_ = object;
  }
  // A ticket's owner tells that the scope is there, so it is not null.
  scope_.setOwner(worker_ != nullptr ? worker_ : this);
  if (failed_) {
    thread_.error("worker_create",
                  base::concat(kind_.category(), "/", kind_.name(), " cannot serve"));
    scope_.end();
  }
}

Loop::~Loop() {
  scope_.end();
  const auto& head = kind_.head();
  if (worker_ == nullptr || head.worker_create == nullptr || head.worker_destroy == nullptr) return;
  guarded(thread_, "worker_destroy", head.worker_destroy, worker_);
}

}  // namespace weir::plugin
