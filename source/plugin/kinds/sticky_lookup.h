#pragma once

#include <cstdint>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/plugin/loop.h"
#include "source/upstream/stickiness.h"

namespace weir::plugin {

inline weir_sticky* handleOf(upstream::StickyRequest& request) {
  return reinterpret_cast<weir_sticky*>(&request);
}
inline upstream::StickyRequest& stickyOf(weir_sticky* handle) {
  return *reinterpret_cast<upstream::StickyRequest*>(handle);
}
inline const upstream::StickyRequest& stickyOf(const weir_sticky* handle) {
  return *reinterpret_cast<const upstream::StickyRequest*>(handle);
}

// One request that waits for a plugin to say where its client belongs, for a bounded time. Its
// waiter is told at the end of a turn of the loop, from no callback of the plugin's. Destroys
// itself when it has told, or is cancelled. Worker-confined.
class PluginLookup final : public upstream::StickyLookup,
                           public base::ListNode<>,
                           private event::TurnEndTask {
 public:
  using Cancel = void (*)(void* binding, weir_sticky* sticky);
  // Outlive it while it is open.
  struct Asked {
    Loop& loop;
    void* binding;
    Cancel cancel;
  };
  PluginLookup(const Asked& asked, upstream::StickyRequest& request,
               std::chrono::milliseconds most);

  // The plugin has answered; 0: nobody knows. Later answers count no more.
  void answer(uint64_t uid);
  // The plugin is to forget it; who waits is told that nothing was found.
  void giveUp();
  void cancel() override;

 private:
  ~PluginLookup() override = default;
  void onTimeout();
  void onTurnEnd() override;
  void tellPlugin();

  const Asked asked_;
  upstream::StickyRequest& request_;
  event::Dispatcher& dispatcher_;
  event::WheelTimer timer_;
  bool open_ = true;  // the plugin may still answer
  uint64_t uid_ = 0;
};

}  // namespace weir::plugin
