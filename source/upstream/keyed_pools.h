#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/base/string_map.h"
#include "source/upstream/cluster.h"
#include "source/upstream/http_pool.h"

namespace weir::upstream {

// The pools of one endpoint whose connections may not be shared by everybody, by what tells their
// users apart. There are at most as many as there are connections and waiting requests, which have
// limits: a pool that has neither goes. Worker-confined.
class KeyedPools final {
 public:
  KeyedPools(WorkerCluster& cluster, WorkerEndpoint& endpoint)
      : cluster_(cluster), endpoint_(endpoint) {}
  ~KeyedPools();

  // Made when it is not there. Good until the current callback returns, or as long as a request
  // waits or is under way in it.
  HttpPool& get(const network::TransportTarget& target);
  size_t size() const { return pools_.size(); }
  uint32_t openConnections() const;
  // There are idle connections: what they hold is had by whoever closes them.
  bool hasIdle() const;
  void drain();
  void undrain();
  void breakOff(std::string_view reason);
  void closeIdle();
  // Of the pool that was asked for least recently.
  bool closeOneIdle();

 private:
  struct Entry final : base::ListNode<>, HttpPoolOwner {
    explicit Entry(KeyedPools& in) : all(in) {}
    void onPoolUnused() override { all.forget(*this); }
    KeyedPools& all;
    std::string key;
    std::unique_ptr<HttpPool> pool;
  };
  void forget(Entry& entry);
  template <class F>
  void forEach(F&& visit);

  WorkerCluster& cluster_;
  WorkerEndpoint& endpoint_;
  base::StringMap<std::unique_ptr<Entry>> pools_;
  base::IntrusiveList<Entry> used_;  // asked for last in front
  std::string key_;                  // scratch
};

// Writes to `key` what of `target` tells the connections of the cluster apart.
void writePoolKey(const BoundTransport& transport, const network::TransportTarget& target,
                  std::string& key);

}  // namespace weir::upstream
