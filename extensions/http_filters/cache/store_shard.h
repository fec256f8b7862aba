#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "extensions/http_filters/cache/eviction.h"
#include "extensions/http_filters/cache/flight.h"
#include "extensions/http_filters/cache/stored_response.h"

namespace weir::extensions::http_filters::cache {

// A part of a store with a lock of its own, which is held for no longer than a look into its
// tables. Thread-safe.
class StoreShard {
 public:
  using Response = SharedRef<const StoredResponse>;
  // What to purge.
  using Predicate = std::function<bool(std::string_view url, const StoredResponse&)>;

  explicit StoreShard(std::shared_ptr<MemoryAccount> account) : account_(std::move(account)) {}
  ~StoreShard();

  // The variant of `url` for `variant`; counts as a use.
  Response find(std::string_view url, std::string_view variant);
  // The same when the URL varies by nothing. Else any variant, the one that came last, for what it
  // varies by (`varies`). Null: there is none.
  Response look(std::string_view url, std::string_view variant, bool& varies);
  // Takes the place of the variant that there is; of the oldest where there would be more than
  // `most_variants`. What an entry costs beside its response has been reserved: costOf().
  void put(std::string_view url, uint64_t hash, Response response, size_t most_variants);
  static uint64_t costOf(std::string_view url, const StoredResponse& response);
  void remove(std::string_view url);
  // As long as it is the one that is stored.
  void removeIf(std::string_view url, const StoredResponse& response);
  // How many.
  size_t purge(const Predicate& predicate);
  // False: there is nothing to evict.
  bool evictOne();

  // The flight of `key`, made when there is none (`made`).
  std::shared_ptr<Flight> flight(std::string_view key, size_t most_waiting, bool& made);
  void land(const Flight& flight);
  void forbidFlights(std::string_view url_prefix);

  // What is not for all: asking for it is not worth anybody's waiting. Seconds of the store's
  // clock.
  void markUncacheable(uint64_t hash, uint32_t until);
  bool isUncacheable(uint64_t hash, uint32_t now);
  void clearUncacheable(uint64_t hash) { markUncacheable(hash, 0); }

  struct Totals {
    uint64_t resources = 0;
    uint64_t entries = 0;
    uint64_t evicted = 0;
    uint64_t flights = 0;
  };
  Totals totals() const;

 private:
  struct Resource;
  // One variant.
  struct Entry final : Evictable {
    Entry(Resource& of, uint64_t hash, uint64_t weight, Response r)
        : Evictable(hash, weight), resource(of), response(std::move(r)) {}
    Resource& resource;
    Response response;
    uint64_t cost = 0;
  };
  struct Resource {
    std::string url;
    size_t index = 0;                              // in all_
    std::vector<std::unique_ptr<Entry>> variants;  // the oldest first
  };
  using Garbage = std::vector<std::unique_ptr<Entry>>;  // goes when the lock is not held any more
  struct Mark {
    uint32_t fingerprint = 0;
    uint32_t until = 0;
  };
  static constexpr size_t kMarks = 1024;
  static constexpr size_t kSlice = 256;  // looked at under one lock

  Resource* resourceOf(std::string_view url);
  static Response variantOf(Resource& resource, std::string_view variant);
  void take(Entry& entry, Garbage& garbage);
  void takeAll(Resource& resource, Garbage& garbage);
  void dropIfEmpty(Resource& resource);
  void account(const Garbage& garbage);

  const std::shared_ptr<MemoryAccount> account_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string_view, std::unique_ptr<Resource>> resources_;
  std::vector<Resource*> all_;
  EvictionQueue queue_;
  absl::flat_hash_map<std::string, std::shared_ptr<Flight>> flights_;
  std::array<Mark, kMarks> marks_{};
  uint64_t evicted_ = 0;
};

}  // namespace weir::extensions::http_filters::cache
