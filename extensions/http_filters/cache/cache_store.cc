#include "extensions/http_filters/cache/cache_store.h"

#include <algorithm>
#include <utility>

#include "extensions/http_filters/cache/vary.h"

namespace weir::extensions::http_filters::cache {
namespace {

uint32_t seconds(SystemTime time) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count());
}

}  // namespace

CacheStore::CacheStore(std::string name, uint64_t max_bytes)
    : name_(std::move(name)), account_(std::make_shared<MemoryAccount>(max_bytes)) {
  for (auto& shard : shards_) shard = std::make_unique<StoreShard>(account_);
}

void CacheStore::want(const void* who, uint64_t max_bytes) {
  {
    const std::lock_guard lock(wishes_mutex_);
    wishes_[who] = max_bytes;
    uint64_t most = 0;
    for (const auto& [name, wish] : wishes_) most = std::max(most, wish);
    account_->setLimit(most);
  }
  trim();
}

// The last one's bound stays, for whoever comes next.
void CacheStore::wantNoMore(const void* who) {
  const std::lock_guard lock(wishes_mutex_);
  wishes_.erase(who);
}

CacheStore::Response CacheStore::find(std::string_view url, const http::HeaderMap& request,
                                      std::string& variant) {
  StoreShard& shard = shardOf(hashOf(url));
  bool varies = false;
  Response found = shard.look(url, variant, varies);
  if (!varies) return found;
  appendVaryKey(found->vary(), request, variant);
  return shard.find(url, variant);
}

bool CacheStore::put(std::string_view url, Response response, size_t most_variants) {
  if (!reserve(StoreShard::costOf(url, *response), url)) return false;
  const uint64_t hash = hashOf(url);
  shardOf(hash).put(url, hash, std::move(response), most_variants);
  return true;
}

void CacheStore::invalidate(std::string_view url) {
  StoreShard& shard = shardOf(hashOf(url));
  shard.forbidFlights(url);
  shard.remove(url);
}

size_t CacheStore::purge(const StoreShard::Predicate& predicate) {
  size_t purged = 0;
  for (auto& shard : shards_) {
    shard->forbidFlights({});  // none of those under way is sure to be newer
    purged += shard->purge(predicate);
  }
  return purged;
}

bool CacheStore::reserve(uint64_t bytes, std::string_view url) {
  const size_t first = (hashOf(url) >> 12) % kShards;
  while (!account_->reserve(bytes)) {
    if (bytes > account_->limit() || !evictOne(first)) return false;
  }
  return true;
}

bool CacheStore::evictOne(size_t first_shard) {
  for (size_t i = 0; i < kShards; ++i) {
    if (shards_[(first_shard + i) % kShards]->evictOne()) return true;
  }
  return false;
}

void CacheStore::trim() {
  size_t shard = 0;
  while (account_->used() > account_->limit() && evictOne(shard++ % kShards)) {
  }
}

void CacheStore::markUncacheable(std::string_view url, SystemTime until) {
  const uint64_t hash = hashOf(url);
  shardOf(hash).markUncacheable(hash, seconds(until));
}

bool CacheStore::isUncacheable(std::string_view url, SystemTime now) {
  const uint64_t hash = hashOf(url);
  return shardOf(hash).isUncacheable(hash, seconds(now));
}

void CacheStore::clearUncacheable(std::string_view url) {
  const uint64_t hash = hashOf(url);
  shardOf(hash).clearUncacheable(hash);
}

StoreShard::Totals CacheStore::totals() const {
  StoreShard::Totals all;
  for (const auto& shard : shards_) {
    const StoreShard::Totals some = shard->totals();
    all.resources += some.resources;
    all.entries += some.entries;
    all.evicted += some.evicted;
    all.flights += some.flights;
  }
  return all;
}

}  // namespace weir::extensions::http_filters::cache
