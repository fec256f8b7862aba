#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "extensions/http_filters/cache/store_shard.h"
#include "source/base/keyed_hash.h"

namespace weir::extensions::http_filters::cache {

// Responses in memory, shared by all workers and by all filters that name it. Bounded in bytes,
// with everything that it keeps alive counted. Outlives a change of the configuration. Thread-safe.
class CacheStore {
 public:
  using Response = StoreShard::Response;

  explicit CacheStore(std::string name, uint64_t max_bytes);

  const std::string& name() const { return name_; }
  const std::shared_ptr<MemoryAccount>& account() const { return account_; }
  // Filters that share it may want different bounds: the largest counts. What it was, until the
  // first says so. Each one that has wanted takes its wish back.
  void want(const void* who, uint64_t max_bytes);
  void wantNoMore(const void* who);

  // What is stored for a request; `variant` has what its filter puts beside the URL, and gets what
  // the stored response varies by.
  Response find(std::string_view url, const http::HeaderMap& request, std::string& variant);
  // False: there is no room, or it may not be stored.
  bool put(std::string_view url, Response response, size_t most_variants);
  // An unsafe request has changed it (RFC 9111 4.4).
  void invalidate(std::string_view url);
  void removeIf(std::string_view url, const StoredResponse& response) {
    shardOf(hashOf(url)).removeIf(url, response);
  }
  size_t purge(const StoreShard::Predicate& predicate);
  // Makes room for bytes that are then counted. False: all of it is in use.
  bool reserve(uint64_t bytes, std::string_view url);

  std::shared_ptr<Flight> flight(std::string_view key, std::string_view url, size_t most_waiting,
                                 bool& made) {
    return shardOf(hashOf(url)).flight(key, most_waiting, made);
  }
  void land(const Flight& flight, std::string_view url) { shardOf(hashOf(url)).land(flight); }

  void markUncacheable(std::string_view url, SystemTime until);
  bool isUncacheable(std::string_view url, SystemTime now);
  void clearUncacheable(std::string_view url);

  StoreShard::Totals totals() const;

 private:
  static constexpr size_t kShards = 16;

  uint64_t hashOf(std::string_view url) const { return base::keyedHash(url, hash_key_); }
  StoreShard& shardOf(uint64_t hash) { return *shards_[(hash >> 12) % kShards]; }
  bool evictOne(size_t first_shard);
  void trim();

  const std::string name_;
  const base::HashKey hash_key_ = base::newHashKey();
  const std::shared_ptr<MemoryAccount> account_;
  std::array<std::unique_ptr<StoreShard>, kShards> shards_;
  std::mutex wishes_mutex_;
  std::map<const void*, uint64_t> wishes_;
};

}  // namespace weir::extensions::http_filters::cache
