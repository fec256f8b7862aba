#include "source/upstream/keyed_pools.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::upstream {
namespace {

template <class T>
void appendBytes(const T& value, std::string& key) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  key.append(bytes, sizeof value);
}

void appendAddress(const network::Address* address, std::string& key) {
  if (address == nullptr) return key.push_back('\0');
  key.push_back(static_cast<char>(1 + static_cast<int>(address->family())));
  if (!address->isIp()) {
    key.append(address->toString());
    return;
  }
  char ip[INET6_ADDRSTRLEN];
  key.append(ip, address->formatIp(ip));
  appendBytes(address->port(), key);
}

// A pool on its way out, with what it refers to. The pool is destroyed first, the cluster last.
struct UnusedPool final : event::DeferredDeletable {
  base::LocalRef<WorkerCluster> cluster;
  base::LocalRef<WorkerEndpoint> endpoint;
  std::unique_ptr<HttpPool> pool;
};

}  // namespace

// The parts are of fixed length or end with a byte that they do not have.
void writePoolKey(const BoundTransport& transport, const network::TransportTarget& target,
                  std::string& key) {
  key.clear();
  if (transport.needs.server_name) {
    key.append(target.server_name.data(), target.server_name.size());
    key.push_back('\0');
  }
  if (transport.needs.client) {
    appendBytes(target.connection_id, key);
    appendAddress(target.source, key);
    key.push_back('\0');
    appendAddress(target.destination, key);
  } else if (transport.original_source && target.source != nullptr) {
    const network::Address source = target.source->withPort(0);
    appendAddress(&source, key);
  }
}

KeyedPools::~KeyedPools() = default;

HttpPool& KeyedPools::get(const network::TransportTarget& target) {
  writePoolKey(cluster_.transport(), target, key_);
  const auto found = pools_.find(key_);
  if (found != pools_.end()) {
    used_.pushFront(*found->second);
    return *found->second->pool;
  }
  auto entry = std::make_unique<Entry>(*this);
  entry->key = key_;
  entry->pool = createHttpPool(cluster_, endpoint_, entry.get());
  if (cluster_.draining() || endpoint_.draining()) entry->pool->drain();
  Entry& added = *pools_.emplace(key_, std::move(entry)).first->second;
  used_.pushFront(added);
  return *added.pool;
}

void KeyedPools::forget(Entry& entry) {
  // Its own frames may be on the stack.
  auto unused = std::make_unique<UnusedPool>();
  unused->cluster = base::LocalRef<WorkerCluster>(&cluster_);
  unused->endpoint = base::LocalRef<WorkerEndpoint>(&endpoint_);
  unused->pool = std::move(entry.pool);
  cluster_.io().dispatcher().deferDelete(std::move(unused));
  pools_.erase(pools_.find(entry.key));
}

// What `visit` does may make the pool go, but no other.
template <class F>
void KeyedPools::forEach(F&& visit) {
  Entry* next = used_.front();
  while (Entry* entry = next) {
    next = used_.next(*entry);
    visit(*entry->pool);
  }
}

uint32_t KeyedPools::openConnections() const {
  size_t open = 0;
  for (const auto& [key, entry] : pools_) open += entry->pool->openConnections();
  return static_cast<uint32_t>(open);
}

bool KeyedPools::hasIdle() const {
  return std::any_of(pools_.begin(), pools_.end(),
                     [](const auto& entry) { return entry.second->pool->idleConnections() > 0; });
}

void KeyedPools::drain() {
  forEach([](HttpPool& pool) { pool.drain(); });
}

void KeyedPools::undrain() {
  forEach([](HttpPool& pool) { pool.undrain(); });
}

// Those who are told may make any pool go, or come.
void KeyedPools::breakOff(std::string_view reason) {
  base::IntrusiveList<Entry> all;
  all.spliceBack(used_);
  while (Entry* entry = all.front()) {
    used_.pushBack(*entry);
    entry->pool->breakOff(reason);
  }
}

void KeyedPools::closeIdle() {
  forEach([](HttpPool& pool) { pool.closeIdle(); });
}

bool KeyedPools::closeOneIdle() {
  for (Entry* entry = used_.back(); entry != nullptr; entry = used_.previous(*entry)) {
    if (entry->pool->closeOneIdle()) return true;
  }
  return false;
}

}  // namespace weir::upstream
