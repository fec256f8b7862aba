#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "absl/status/statusor.h"

#include "source/base/fd.h"
#include "source/event/dispatcher.h"

namespace weir::server {

// Delivers signals as events of a loop (signalfd). The signals must be blocked in every thread, so
// block() them before the first thread starts. Main-thread only.
class SignalSource final : public event::FdHandler {
 public:
  static void block(std::initializer_list<int> signals);
  // `callback` runs on the dispatcher's thread.
  static absl::StatusOr<std::unique_ptr<SignalSource>> create(event::Dispatcher& dispatcher,
                                                              std::initializer_list<int> signals,
                                                              std::function<void(int)> callback);
  void onFdReady(event::FdEvents events) override;

 private:
  explicit SignalSource(std::function<void(int)> callback) : callback_(std::move(callback)) {}
  std::function<void(int)> callback_;
  base::UniqueFd fd_;
  std::unique_ptr<event::FdWatcher> watcher_;
};

}  // namespace weir::server
