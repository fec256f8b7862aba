#include "extensions/http_filters/cache/store_shard.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::http_filters::cache {

StoreShard::~StoreShard() {
  Garbage garbage;
  while (!all_.empty()) takeAll(*all_.back(), garbage);
  account(garbage);
}

uint64_t StoreShard::costOf(std::string_view url, const StoredResponse&) {
  return sizeof(Entry) + sizeof(Resource) + 4 * sizeof(void*) + url.size();
}

// What entries cost beside their responses, which account for themselves.
void StoreShard::account(const Garbage& garbage) {
  for (const auto& entry : garbage) account_->giveBack(entry->cost);
}

StoreShard::Resource* StoreShard::resourceOf(std::string_view url) {
  const auto found = resources_.find(url);
  return found == resources_.end() ? nullptr : found->second.get();
}

StoreShard::Response StoreShard::find(std::string_view url, std::string_view variant) {
  const std::lock_guard lock(mutex_);
  Resource* const resource = resourceOf(url);
  return resource == nullptr ? Response() : variantOf(*resource, variant);
}

StoreShard::Response StoreShard::variantOf(Resource& resource, std::string_view variant) {
  for (const auto& entry : resource.variants) {
    if (entry->response->variant() != variant) continue;
    entry->touch();
    return entry->response;
  }
  return {};
}

StoreShard::Response StoreShard::look(std::string_view url, std::string_view variant,
                                      bool& varies) {
  const std::lock_guard lock(mutex_);
  Resource* const resource = resourceOf(url);
  if (resource == nullptr) return {};
  const Response& newest = resource->variants.back()->response;
  varies = !newest->vary().empty();
  return varies ? newest : variantOf(*resource, variant);
}

void StoreShard::put(std::string_view url, uint64_t hash, Response response, size_t most_variants) {
  Garbage garbage;
  {
    const std::lock_guard lock(mutex_);
    Resource* resource = resourceOf(url);
    if (resource == nullptr) {
      auto made = std::make_unique<Resource>();
      made->url = std::string(url);
      made->index = all_.size();
      resource = made.get();
      all_.push_back(resource);
      resources_.emplace(resource->url, std::move(made));
    }
    // Variants are told apart by what the last response varies by.
    auto& variants = resource->variants;
    const auto gone = [&](const std::unique_ptr<Entry>& entry) {
      return entry->response->variant() == response->variant() ||
             entry->response->vary() != response->vary();
    };
    uint8_t uses = 0;
    for (size_t i = 0; i < variants.size();) {
      if (gone(variants[i])) {
        ++uses;
        queue_.remove(*variants[i]);
        garbage.push_back(std::move(variants[i]));
        variants.erase(variants.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    while (variants.size() >= std::max<size_t>(most_variants, 1)) {
      queue_.remove(*variants.front());
      garbage.push_back(std::move(variants.front()));
      variants.erase(variants.begin());
    }
    const uint64_t cost = costOf(url, *response);
    const uint64_t weight = cost + response->bytes();
    auto entry = std::make_unique<Entry>(*resource, hash, weight, std::move(response));
    entry->cost = cost;
    // What is renewed has been asked for before.
    for (; uses > 0; --uses) entry->touch();
    queue_.add(*entry);
    variants.push_back(std::move(entry));
  }
  account(garbage);
}

// Out of the queue already.
void StoreShard::take(Entry& entry, Garbage& garbage) {
  Resource& resource = entry.resource;
  const auto found = std::find_if(resource.variants.begin(), resource.variants.end(),
                                  [&](const auto& other) { return other.get() == &entry; });
  garbage.push_back(std::move(*found));
  resource.variants.erase(found);
  dropIfEmpty(resource);
}

void StoreShard::takeAll(Resource& resource, Garbage& garbage) {
  for (auto& entry : resource.variants) {
    queue_.remove(*entry);
    garbage.push_back(std::move(entry));
  }
  resource.variants.clear();
  dropIfEmpty(resource);
}

void StoreShard::dropIfEmpty(Resource& resource) {
  if (!resource.variants.empty()) return;
  all_[resource.index] = all_.back();
  all_[resource.index]->index = resource.index;
  all_.pop_back();
  const auto found = resources_.find(resource.url);
  const std::unique_ptr<Resource> kept = std::move(found->second);  // it has the key
  resources_.erase(found);
}

void StoreShard::remove(std::string_view url) {
  Garbage garbage;
  {
    const std::lock_guard lock(mutex_);
    if (Resource* const resource = resourceOf(url)) takeAll(*resource, garbage);
  }
  account(garbage);
}

void StoreShard::removeIf(std::string_view url, const StoredResponse& response) {
  Garbage garbage;
  {
    const std::lock_guard lock(mutex_);
    Resource* const resource = resourceOf(url);
    if (resource == nullptr) return;
    for (const auto& entry : resource->variants) {
      if (entry->response.get() != &response) continue;
      queue_.remove(*entry);
      take(*entry, garbage);
      break;
    }
  }
  account(garbage);
}

// From the end, a slice at a time: what moves into a gap has been looked at, and what comes
// meanwhile came after the purge.
size_t StoreShard::purge(const Predicate& predicate) {
  size_t purged = 0;
  size_t next = 0;
  {
    const std::lock_guard lock(mutex_);
    next = all_.size();
  }
  while (next > 0) {
    Garbage garbage;
    {
      const std::lock_guard lock(mutex_);
      next = std::min(next, all_.size());
      for (size_t looked = 0; looked < kSlice && next > 0; ++looked) {
        Resource& resource = *all_[--next];
        std::vector<Entry*> due;
        for (const auto& entry : resource.variants) {
          if (predicate(resource.url, *entry->response)) due.push_back(entry.get());
        }
        for (Entry* const entry : due) {
          queue_.remove(*entry);
          take(*entry, garbage);
        }
      }
    }
    purged += garbage.size();
    account(garbage);
  }
  return purged;
}

bool StoreShard::evictOne() {
  Garbage garbage;
  {
    const std::lock_guard lock(mutex_);
    Evictable* const victim = queue_.next();
    if (victim == nullptr) return false;
    ++evicted_;
    take(static_cast<Entry&>(*victim), garbage);
  }
  account(garbage);
  return true;
}

std::shared_ptr<Flight> StoreShard::flight(std::string_view key, size_t most_waiting, bool& made) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Flight>& flight = flights_[std::string(key)];
  made = flight == nullptr;
  if (made) flight = std::make_shared<Flight>(std::string(key), most_waiting);
  return flight;
}

void StoreShard::land(const Flight& flight) {
  const std::lock_guard lock(mutex_);
  const auto found = flights_.find(flight.key());
  if (found != flights_.end() && found->second.get() == &flight) flights_.erase(found);
}

void StoreShard::forbidFlights(std::string_view url_prefix) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, flight] : flights_) {
    if (std::string_view(key).starts_with(url_prefix)) flight->forbidStoring();
  }
}

void StoreShard::markUncacheable(uint64_t hash, uint32_t until) {
  const std::lock_guard lock(mutex_);
  marks_[hash % kMarks] = {static_cast<uint32_t>(hash >> 32), until};
}

bool StoreShard::isUncacheable(uint64_t hash, uint32_t now) {
  const std::lock_guard lock(mutex_);
  const Mark& mark = marks_[hash % kMarks];
  return mark.fingerprint == static_cast<uint32_t>(hash >> 32) && now < mark.until;
}

StoreShard::Totals StoreShard::totals() const {
  const std::lock_guard lock(mutex_);
  return {all_.size(), queue_.count(), evicted_, flights_.size()};
}

}  // namespace weir::extensions::http_filters::cache
