#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/cache/cache_store.h"
#include "source/config/admin_paths.h"
#include "source/config/main_part.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::cache {

// The stores that the running configuration uses, on the main thread: their bounds, and what the
// admin interface does with them. Each filter has one; paths are the same for all. Main-thread
// only.
class CacheAdmin final : public config::MainPart {
 public:
  CacheAdmin(std::shared_ptr<CacheStore> store, uint64_t max_bytes)
      : store_(std::move(store)), max_bytes_(max_bytes) {}

  void start(base::ServiceMap& services) override;
  void stop() override;

 private:
  class Stores;

  const std::shared_ptr<CacheStore> store_;
  const uint64_t max_bytes_;
  std::shared_ptr<Stores> stores_;
};

// What POST /cache/purge asks for by its query: one of url, prefix, host, tag, all=true; a store by
// name, else all of them. Nothing: it is not clear what, and `problem` says what is wrong.
std::optional<StoreShard::Predicate> readPurge(const config::AdminPathRequest& request,
                                               std::string& problem);

}  // namespace weir::extensions::http_filters::cache
