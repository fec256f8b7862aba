#include "extensions/transport_sockets/common/session_cache.h"

#include <utility>

#include "source/base/hash.h"

namespace weir::extensions::transport_sockets {

SessionCache::SessionCache(size_t capacity, std::chrono::seconds lifetime)
    : shard_capacity_((capacity + kShards - 1) / kShards), lifetime_(lifetime) {}

// Ids of sessions are random and made by us; keys of clients come from the configuration.
SessionCache::Shard& SessionCache::shardOf(std::string_view key) {
  return shards_[base::hash64(key) % kShards];
}

void SessionCache::put(std::string_view key, bssl::UniquePtr<SSL_SESSION> session,
                       event::MonotonicTime now) {
  if (shard_capacity_ == 0 || key.size() > kMaxKeyBytes || session == nullptr) return;
  Shard& shard = shardOf(key);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  Entry& entry = shard.entries[std::string(key)];
  entry.session = std::move(session);
  entry.ends = now + lifetime_;
  entry.serial = ++shard.next_serial;
  shard.arrivals.push_back({std::string(key), entry.serial});
  makeRoom(shard, now);
}

// Arrivals of entries that were replaced or removed are dropped here too, so their number stays
// within twice the capacity.
void SessionCache::makeRoom(Shard& shard, event::MonotonicTime now) {
  while (!shard.arrivals.empty()) {
    const Arrival& oldest = shard.arrivals.front();
    const auto found = shard.entries.find(oldest.key);
    const bool current = found != shard.entries.end() && found->second.serial == oldest.serial;
    if (current) {
      const bool full =
          shard.entries.size() > shard_capacity_ || shard.arrivals.size() > shard_capacity_ * 2;
      if (!full && found->second.ends > now) return;
      shard.entries.erase(found);
    }
    shard.arrivals.pop_front();
  }
}

bssl::UniquePtr<SSL_SESSION> SessionCache::get(std::string_view key, event::MonotonicTime now) {
  Shard& shard = shardOf(key);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  if (found->second.ends <= now) {
    shard.entries.erase(found);
    return nullptr;
  }
  return bssl::UpRef(found->second.session);
}

bssl::UniquePtr<SSL_SESSION> SessionCache::take(std::string_view key, event::MonotonicTime now) {
  Shard& shard = shardOf(key);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  const bool fresh = found->second.ends > now;
  bssl::UniquePtr<SSL_SESSION> session = std::move(found->second.session);
  shard.entries.erase(found);
  return fresh ? std::move(session) : nullptr;
}

void SessionCache::remove(std::string_view key) {
  Shard& shard = shardOf(key);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found != shard.entries.end()) shard.entries.erase(found);
}

size_t SessionCache::size() const {
  size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard.mutex);
    count += shard.entries.size();
  }
  return count;
}

}  // namespace weir::extensions::transport_sockets
