#pragma once

#include <cstddef>
#include <cstdint>

#include "source/base/intrusive_list.h"
#include "source/upstream/pooled_connection.h"

namespace weir::upstream {

// The connections of one pool by what can be done with them. They destroy themselves when they have
// closed. Worker-confined.
class PooledConnections {
 public:
  using Place = PooledConnection::Place;

  // Closes all without a word to their owner.
  ~PooledConnections();
  void put(PooledConnection& connection, Place place);
  size_t idle() const { return idle_count_; }
  // Some carry requests and have room for more.
  bool anyShared() const { return !shared_.empty(); }
  // Of those that share and suit, the one with the fewest requests; null: none has room.
  template <class Suits>
  PooledConnection* leastLoaded(Suits&& suits);
  // The one that was used last and suits.
  template <class Suits>
  PooledConnection* lastUsed(Suits&& suits);
  // How many requests those that are up could take at once; counts no further than `enough`.
  uint32_t room(uint32_t enough);
  bool closeOneIdle();
  // All but the idle ones, those too that the visits close; not those that they add.
  template <class Visit>
  void visitAll(Visit&& visit);
  // Those of which `condition` holds take no more requests, and close after theirs. Not the idle
  // ones.
  template <class Condition>
  void retire(Condition&& condition);

 private:
  // Of connections that share, so many are compared; they take turns.
  static constexpr int kMaxCompared = 16;

  base::IntrusiveList<PooledConnection> idle_;    // used last in front
  base::IntrusiveList<PooledConnection> shared_;  // used last at the back
  base::IntrusiveList<PooledConnection> others_;
  size_t idle_count_ = 0;
};

template <class Suits>
PooledConnection* PooledConnections::leastLoaded(Suits&& suits) {
  PooledConnection* best = nullptr;
  PooledConnection* next = shared_.front();
  for (int left = kMaxCompared; left > 0 && next != nullptr; --left, next = shared_.next(*next)) {
    if (!suits(*next) || next->room() == 0) continue;
    if (best == nullptr || next->active() < best->active()) best = next;
  }
  return best;
}

template <class Suits>
PooledConnection* PooledConnections::lastUsed(Suits&& suits) {
  PooledConnection* connection = idle_.front();
  while (connection != nullptr && !suits(*connection)) connection = idle_.next(*connection);
  return connection;
}

template <class Visit>
void PooledConnections::visitAll(Visit&& visit) {
  base::IntrusiveList<PooledConnection> all;
  all.spliceBack(shared_);
  all.spliceBack(others_);
  while (PooledConnection* connection = all.front()) {
    put(*connection, Place::kOther);
    visit(*connection);
  }
}

// Only one that is up changes by it; it may go to the end of the list, which it then does once.
template <class Condition>
void PooledConnections::retire(Condition&& condition) {
  for (base::IntrusiveList<PooledConnection>* list : {&shared_, &others_}) {
    PooledConnection* next = list->front();
    while (PooledConnection* connection = next) {
      next = list->next(*connection);
      if (!connection->up() || !condition(*connection)) continue;
      connection->retire();
      if (connection->place == Place::kShared) put(*connection, Place::kOther);
    }
  }
}

}  // namespace weir::upstream
