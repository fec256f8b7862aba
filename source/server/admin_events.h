#pragma once

#include <cstdint>

#include "source/server/admin_handlers.h"

namespace weir::server {

// How many requests wait for events. Main-thread only.
class EventWaits {
 public:
  static constexpr uint32_t kMost = 64;
  // The place of one of them. Value.
  class Place {
   public:
    explicit Place(EventWaits& waits) : waits_(waits) { ++waits_.count_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { --waits_.count_; }

   private:
    EventWaits& waits_;
  };
  bool full() const { return count_ >= kMost; }

 private:
  uint32_t count_ = 0;
};

// GET /events: what has happened to endpoints. ?since=SEQUENCE, ?cluster=, ?endpoint=, ?kind=,
// ?limit=; ?wait=30s holds the answer back until there is something to tell. Main-thread only.
AdminReply showEvents(Server& server, const AdminRequest& request);

}  // namespace weir::server
