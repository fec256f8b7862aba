#include "extensions/http_filters/cache/cache_admin.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "extensions/http_filters/cache/cache_key.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/json_text.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::cache {
namespace {

using config::AdminPathReply;
using config::AdminPathRequest;

AdminPathReply refuse(uint16_t status, std::string_view what) {
  std::string body = "{\"error\": ";
  base::appendJsonString(what, body);
  return {.status = status, .body = body + "}\n"};
}

// "HTTP://Shop:80/x" as keys have it.
std::string normalised(std::string_view url) {
  UrlParts parts;
  std::string key;
  if (splitUrl(url, parts)) appendUrlKey(parts.scheme, parts.authority, parts.path, {}, key);
  return key;
}

}  // namespace

std::optional<StoreShard::Predicate> readPurge(const AdminPathRequest& request,
                                               std::string& problem) {
  int given = 0;
  for (const std::string_view name : {"url", "prefix", "host", "tag", "all"}) {
    given += request.value(name).empty() ? 0 : 1;
  }
  if (given != 1) {
    problem = "say what: exactly one of ?url=, ?prefix=, ?host=, ?tag= and ?all=true";
    return std::nullopt;
  }
  if (const auto url = request.value("url"); !url.empty()) {
    std::string key = normalised(url);
    if (key.empty()) key = std::string(url);  // as keys stand without scheme or authority
    return [key = std::move(key)](std::string_view at, const StoredResponse&) { return at == key; };
  }
  if (const auto prefix = request.value("prefix"); !prefix.empty()) {
    std::string key = normalised(prefix);
    if (key.empty()) key = std::string(prefix);
    return [key = std::move(key)](std::string_view at, const StoredResponse&) {
      return at.starts_with(key);
    };
  }
  if (const auto host = request.value("host"); !host.empty()) {
    return [host = base::lowered(host)](std::string_view at, const StoredResponse&) {
      return hostOfKey(at) == host;
    };
  }
  if (const auto tag = request.value("tag"); !tag.empty()) {
    return [tag = std::string(tag)](std::string_view, const StoredResponse& response) {
      const auto& tags = response.tags();
      return std::find(tags.begin(), tags.end(), tag) != tags.end();
    };
  }
  if (request.value("all") != "true") {
    problem = "?all= takes true";
    return std::nullopt;
  }
  return [](std::string_view, const StoredResponse&) { return true; };
}

// Those that are in use, each once, and their paths. Shared by the parts of one server.
// Main-thread only.
class CacheAdmin::Stores {
 public:
  explicit Stores(base::ServiceMap& services)
      : stats_(services.get<stats::Store>()),
        block_(services.get<stats::Block>()),
        timer_(services.get<event::Dispatcher>().createTimer([this] { updateMetrics(); })) {
    timer_->start(kInterval);
    auto* const paths = services.find<config::AdminPaths>();
    if (paths == nullptr) return;
    list_ = paths->add({.path = "/cache",
                        .method = "GET",
                        .help = "Stores of http_filters/cache: bytes, entries, evictions.",
                        .handle = [this](const AdminPathRequest&) { return show(); }});
    purge_ = paths->add(
        {.path = "/cache/purge",
         .method = "POST",
         .help = "?url=|prefix=|host=|tag=|all=true [&store=NAME] throws out what is stored.",
         .handle = [this](const AdminPathRequest& request) { return purge(request); }});
  }

  void add(CacheStore& store) { stores_.push_back(&store); }
  void remove(CacheStore& store) {
    stores_.erase(std::find(stores_.begin(), stores_.end(), &store));
  }

 private:
  std::vector<CacheStore*> each() const {
    std::vector<CacheStore*> all = stores_;
    std::sort(all.begin(), all.end(), [](const CacheStore* a, const CacheStore* b) {
      return a->name() != b->name() ? a->name() < b->name() : a < b;
    });
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }

  void updateMetrics() {
    for (const CacheStore* const store : each()) {
      const StoreShard::Totals totals = store->totals();
      const stats::Labels labels{{"store", store->name()}};
      const auto set = [](stats::Cell& cell, uint64_t value) { cell.add(value - cell.value()); };
      set(block_.gauge(
              stats_.gauge("cache_bytes", "Bytes that a cache's store keeps alive.", labels)),
          store->account()->used());
      set(block_.gauge(stats_.gauge("cache_entries", "Responses in a cache's store.", labels)),
          totals.entries);
      set(block_.counter(stats_.counter("cache_evictions_total",
                                        "Responses that made room for others.", labels)),
          totals.evicted);
    }
    timer_->start(kInterval);
  }

  AdminPathReply show() const {
    std::string body = "{\"stores\": [";
    for (const CacheStore* const store : each()) {
      const StoreShard::Totals totals = store->totals();
      if (body.back() != '[') body += ", ";
      body += "{\"name\": ";
      base::appendJsonString(store->name(), body);
      body += base::concat(
          ", \"bytes\": ", store->account()->used(), ", \"max_bytes\": ", store->account()->limit(),
          ", \"urls\": ", totals.resources, ", \"entries\": ", totals.entries,
          ", \"evicted\": ", totals.evicted, ", \"under_way\": ", totals.flights, "}");
    }
    return {.body = body + "]}\n"};
  }

  AdminPathReply purge(const AdminPathRequest& request) const {
    std::string problem;
    const auto predicate = readPurge(request, problem);
    if (!predicate) return refuse(400, problem);
    const std::string_view name = request.value("store");
    size_t purged = 0;
    bool found = false;
    for (CacheStore* const store : each()) {
      if (!name.empty() && store->name() != name) continue;
      found = true;
      purged += store->purge(*predicate);
    }
    if (!found) return refuse(404, base::concat("there is no store \"", name, "\"; GET /cache"));
    return {.body = base::concat("{\"purged\": ", purged, "}\n")};
  }

  stats::Store& stats_;
  stats::Block& block_;
  static constexpr std::chrono::seconds kInterval{1};
  const std::unique_ptr<event::Timer> timer_;
  std::vector<CacheStore*> stores_;  // once for each filter
  config::AdminPathHandle list_;
  config::AdminPathHandle purge_;
};

namespace {

// Made when the first part starts, kept as long as one runs.
struct StoresSlot {
  std::weak_ptr<void> stores;
};

}  // namespace

void CacheAdmin::start(base::ServiceMap& services) {
  store_->want(this, max_bytes_);
  StoresSlot& slot = services.shared<StoresSlot>([] { return std::make_shared<StoresSlot>(); });
  stores_ = std::static_pointer_cast<Stores>(slot.stores.lock());
  if (stores_ == nullptr) {
    stores_ = std::make_shared<Stores>(services);
    slot.stores = stores_;
  }
  stores_->add(*store_);
}

void CacheAdmin::stop() {
  stores_->remove(*store_);
  stores_.reset();
  store_->wantNoMore(this);
}

}  // namespace weir::extensions::http_filters::cache
