#include "source/control/trouble_inbox.h"

#include <utility>

namespace weir::control {

TroubleInbox::TroubleInbox(event::Dispatcher& main, Take take)
    : main_(main), box_(std::make_shared<Box>()) {
  box_->take = std::move(take);
}

TroubleInbox::~TroubleInbox() {
  box_->take = nullptr;
}

void TroubleInbox::report(std::string_view cluster, std::string_view endpoint,
                          upstream::Trouble trouble) {
  {
    const std::lock_guard lock(box_->mutex);
    box_->entries.push_back({std::string(cluster), std::string(endpoint), trouble});
    if (std::exchange(box_->posted, true)) return;
  }
  main_.post([box = box_] {
    std::vector<Entry> entries;
    {
      const std::lock_guard lock(box->mutex);
      entries.swap(box->entries);
      box->posted = false;
    }
    for (const Entry& entry : entries) {
      if (box->take) box->take(entry.cluster, entry.endpoint, entry.trouble);
    }
  });
}

}  // namespace weir::control
