#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/upstream/trouble.h"

namespace weir::control {

// Brings what workers have met to the main thread, one post for all that comes meanwhile. Made and
// destroyed there; outlives the workers that report. Thread-safe.
class TroubleInbox final : public upstream::TroubleSink {
 public:
  using Take = std::function<void(std::string_view cluster, std::string_view endpoint,
                                  upstream::Trouble trouble)>;

  // `take` is called on `main`, whose thread this is.
  TroubleInbox(event::Dispatcher& main, Take take);
  ~TroubleInbox();
  TroubleInbox(const TroubleInbox&) = delete;
  TroubleInbox& operator=(const TroubleInbox&) = delete;

  void report(std::string_view cluster, std::string_view endpoint,
              upstream::Trouble trouble) override;

 private:
  struct Entry {
    std::string cluster;
    std::string endpoint;
    upstream::Trouble trouble;
  };
  // What a post refers to: it may run when the inbox has gone.
  struct Box {
    std::mutex mutex;  // guards the rest
    std::vector<Entry> entries;
    bool posted = false;
    Take take;  // empty: the inbox has gone; set and called on the main thread
  };

  event::Dispatcher& main_;
  const std::shared_ptr<Box> box_;
};

}  // namespace weir::control
