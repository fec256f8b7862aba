#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "extensions/http_filters/cache/cache_rules.h"
#include "extensions/http_filters/cache/cache_stats.h"
#include "extensions/http_filters/cache/cache_store.h"
#include "extensions/http_filters/cache/fetch.h"
#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"

namespace weir::extensions::http_filters::cache {

// Who waits for a flight on this worker. Worker-confined.
class FlightReader : public base::ListNode<> {
 public:
  // Something has become of it. May end the reader's stream.
  virtual void onFlightNews() = 0;

 protected:
  ~FlightReader() = default;
};

// What a filter and worker have in common for all their streams: fetches, and those who wait.
// Worker-confined.
class WorkerCache final : private Fetch::Owner {
 public:
  WorkerCache(const CacheRules& rules, std::shared_ptr<CacheStore> store, const CacheStats& stats,
              base::ServiceMap& services);
  ~WorkerCache();

  const CacheRules& rules() const { return rules_; }
  CacheStore& store() { return *store_; }
  CacheCells& cells() { return cells_; }
  event::Dispatcher& dispatcher() { return context_.dispatcher; }
  // For the keys of one lookup.
  std::string& urlScratch() { return url_scratch_; }
  std::string& variantScratch() { return variant_scratch_; }

  // Not started yet. Lives until it is over and its client has left.
  Fetch& fetch(Fetch::Request request);
  // False: too many wait. The reader hears of the flight until it leaves.
  bool join(FlightReader& reader, const std::shared_ptr<Flight>& flight);
  void leave(FlightReader& reader, const std::shared_ptr<Flight>& flight);

 private:
  // Brings what becomes of flights, on any thread, to this one. Thread-safe.
  class Inbox final : public FlightWatcher, public std::enable_shared_from_this<Inbox> {
   public:
    explicit Inbox(WorkerCache& owner) : owner_(&owner) {}
    void onFlight(const std::shared_ptr<Flight>& flight) override;
    void close();

   private:
    void deliver();

    std::mutex mutex_;
    WorkerCache* owner_;  // null: closed
    std::vector<std::shared_ptr<Flight>> news_;
  };
  using Readers = base::IntrusiveList<FlightReader>;

  void onFetchOver(Fetch& fetch) override;
  void tellReaders(const Flight& flight);

  const CacheRules& rules_;
  const std::shared_ptr<CacheStore> store_;
  CacheCells cells_;
  Fetch::Context context_;
  base::IntrusiveList<Fetch> fetches_;
  absl::flat_hash_map<const Flight*, std::unique_ptr<Readers>> readers_;
  const std::shared_ptr<Inbox> inbox_;
  std::string url_scratch_;
  std::string variant_scratch_;
};

}  // namespace weir::extensions::http_filters::cache
