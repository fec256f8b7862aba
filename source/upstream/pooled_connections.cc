#include "source/upstream/pooled_connections.h"

#include <algorithm>

namespace weir::upstream {

PooledConnections::~PooledConnections() {
  for (base::IntrusiveList<PooledConnection>* list : {&idle_, &shared_, &others_}) {
    while (PooledConnection* connection = list->front()) connection->abandon();
  }
}

void PooledConnections::put(PooledConnection& connection, Place place) {
  if (connection.place == Place::kIdle) --idle_count_;
  connection.place = place;
  switch (place) {
    case Place::kIdle:
      ++idle_count_;
      return idle_.pushFront(connection);
    case Place::kShared:
      return shared_.pushBack(connection);
    case Place::kOther:
      return others_.pushBack(connection);
  }
}

uint32_t PooledConnections::room(uint32_t enough) {
  uint32_t room = 0;
  for (base::IntrusiveList<PooledConnection>* list : {&idle_, &shared_}) {
    for (PooledConnection* each = list->front(); each != nullptr; each = list->next(*each)) {
      room += std::min(each->room(), enough - room);
      if (room >= enough) return room;
    }
  }
  return room;
}

bool PooledConnections::closeOneIdle() {
  if (idle_.empty()) return false;
  idle_.back()->close();
  return true;
}

}  // namespace weir::upstream
