#include "extensions/http_filters/cache/worker_cache.h"

#include <algorithm>
#include <utility>

#include "source/network/io_context.h"

namespace weir::extensions::http_filters::cache {

WorkerCache::WorkerCache(const CacheRules& rules, std::shared_ptr<CacheStore> store,
                         const CacheStats& stats, base::ServiceMap& services)
    : rules_(rules),
      store_(std::move(store)),
      cells_(stats, services.get<stats::Block>()),
      context_{*store_, services.get<event::Dispatcher>(),
               services.get<network::IoContext>().blocks(), services.get<http::OnwardExchanges>()},
      inbox_(std::make_shared<Inbox>(*this)) {}

WorkerCache::~WorkerCache() {
  inbox_->close();
  while (std::unique_ptr<Fetch>(fetches_.popFront())) {
  }
}

Fetch& WorkerCache::fetch(Fetch::Request request) {
  cells_.fetches.add();
  Fetch::Owner& owner = *this;
  Fetch* const fetch = std::make_unique<Fetch>(context_, owner, std::move(request)).release();
  fetches_.pushBack(*fetch);
  return *fetch;
}

void WorkerCache::onFetchOver(Fetch& fetch) {
  fetch.unlink();
  context_.dispatcher.deferDelete(std::unique_ptr<event::DeferredDeletable>(&fetch));
}

bool WorkerCache::join(FlightReader& reader, const std::shared_ptr<Flight>& flight) {
  if (!flight->join(inbox_)) return false;
  std::unique_ptr<Readers>& readers = readers_[flight.get()];
  if (readers == nullptr) readers = std::make_unique<Readers>();
  readers->pushBack(reader);
  return true;
}

void WorkerCache::leave(FlightReader& reader, const std::shared_ptr<Flight>& flight) {
  reader.unlink();
  flight->leave();
  const auto found = readers_.find(flight.get());
  if (found != readers_.end() && found->second->empty()) readers_.erase(found);
}

// Readers come and go while they are told.
void WorkerCache::tellReaders(const Flight& flight) {
  auto found = readers_.find(&flight);
  if (found == readers_.end()) return;
  Readers due;
  due.spliceBack(*found->second);
  while (FlightReader* const reader = due.popFront()) {
    std::unique_ptr<Readers>& readers = readers_[&flight];
    if (readers == nullptr) readers = std::make_unique<Readers>();
    readers->pushBack(*reader);
    reader->onFlightNews();
  }
  found = readers_.find(&flight);
  if (found != readers_.end() && found->second->empty()) readers_.erase(found);
}

// ---- Inbox ----------------------------------------------------------------------------------

void WorkerCache::Inbox::onFlight(const std::shared_ptr<Flight>& flight) {
  const std::lock_guard lock(mutex_);
  if (owner_ == nullptr) return;
  if (std::find(news_.begin(), news_.end(), flight) != news_.end()) return;
  news_.push_back(flight);
  if (news_.size() > 1) return;
  owner_->dispatcher().post([self = shared_from_this()] { self->deliver(); });
}

void WorkerCache::Inbox::close() {
  const std::lock_guard lock(mutex_);
  owner_ = nullptr;
  news_.clear();
}

// On the worker's thread, as close() is.
void WorkerCache::Inbox::deliver() {
  std::vector<std::shared_ptr<Flight>> news;
  {
    const std::lock_guard lock(mutex_);
    news.swap(news_);
  }
  for (const auto& flight : news) {
    if (owner_ == nullptr) return;
    owner_->tellReaders(*flight);
  }
}

}  // namespace weir::extensions::http_filters::cache
