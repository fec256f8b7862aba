#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "source/base/string_map.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// Sessions by id (a server's, TLS 1.2) or by whom they are with (a client's), shared by all
// workers. Bounded: the oldest goes first. Thread-safe: a lock per shard.
class SessionCache {
 public:
  static constexpr size_t kShards = 16;
  static constexpr size_t kMaxKeyBytes = 512;

  // `capacity`: sessions in all, rounded up to a multiple of kShards; 0 keeps none.
  SessionCache(size_t capacity, std::chrono::seconds lifetime);

  // Replaces what the key had. Keys above kMaxKeyBytes are not kept.
  void put(std::string_view key, bssl::UniquePtr<SSL_SESSION> session, event::MonotonicTime now);
  // A reference of the caller's own, or null when unknown or too old.
  bssl::UniquePtr<SSL_SESSION> get(std::string_view key, event::MonotonicTime now);
  // The same, and forgets it: a TLS 1.3 ticket is for one use (RFC 8446, C.4).
  bssl::UniquePtr<SSL_SESSION> take(std::string_view key, event::MonotonicTime now);
  void remove(std::string_view key);
  size_t size() const;

 private:
  struct Entry {
    bssl::UniquePtr<SSL_SESSION> session;
    event::MonotonicTime ends;
    uint64_t serial = 0;
  };
  // In the order they came, which is the order they end in. What was replaced or removed since is
  // passed over.
  struct Arrival {
    std::string key;
    uint64_t serial;
  };
  struct Shard {
    mutable std::mutex mutex;
    base::StringMap<Entry> entries;
    std::deque<Arrival> arrivals;
    uint64_t next_serial = 0;
  };
  Shard& shardOf(std::string_view key);
  void makeRoom(Shard& shard, event::MonotonicTime now);

  const size_t shard_capacity_;
  const std::chrono::seconds lifetime_;
  std::array<Shard, kShards> shards_;
};

}  // namespace weir::extensions::transport_sockets
