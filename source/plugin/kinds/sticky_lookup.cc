#include "source/plugin/kinds/sticky_lookup.h"

#include "source/plugin/guard.h"

namespace weir::plugin {

PluginLookup::PluginLookup(const Asked& asked, upstream::StickyRequest& request,
                           std::chrono::milliseconds most)
    : asked_(asked),
      request_(request),
      dispatcher_(asked.loop.dispatcher()),
      timer_(dispatcher_.wheel(), event::wheelCallback<&PluginLookup::onTimeout>, this) {
  request_.lookup = this;
  timer_.arm(most);
}

// From here on nothing of the stickiness is used: it may go.
void PluginLookup::answer(uint64_t uid) {
  if (!open_) return;
  open_ = false;
  uid_ = uid;
  base::ListNode<>::unlink();
  timer_.cancel();
  dispatcher_.atTurnEnd(*this);
}

void PluginLookup::giveUp() {
  if (!open_) return;
  tellPlugin();
  answer(0);
}

void PluginLookup::onTimeout() {
  giveUp();
}

void PluginLookup::cancel() {
  if (open_) tellPlugin();
  delete this;
}

void PluginLookup::tellPlugin() {
  guarded(asked_.loop.thread(), "cancel", asked_.cancel, asked_.binding, handleOf(request_));
}

void PluginLookup::onTurnEnd() {
  upstream::StickyRequest& request = request_;
  request.lookup = nullptr;
  request.asked = true;
  request.stored = uid_;
  delete this;
  request.waiter->onStickyFound();
}

}  // namespace weir::plugin
