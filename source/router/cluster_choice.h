#pragma once

#include <cstdint>
#include <string_view>

#include "source/base/random.h"
#include "source/http/filter_chain.h"
#include "source/router/route_table.h"

namespace weir::router {

// To which cluster one request goes, by what its route says: always to the same, to one of several
// by weight, or to the one that it names. Decided once: attempts after the first stay with it.
// Worker-confined.
class ClusterChoice {
 public:
  // `route` sends to a cluster, and outlives the choice.
  void choose(const RouteEntry& route, const http::FilterChainContext& context,
              base::Random& random);
  // What the route says for the chosen cluster. Null before choose().
  const ClusterAction* action() const { return action_; }
  // Empty: the request has not named just one.
  std::string_view cluster() const { return cluster_; }
  uint32_t index() const { return index_; }  // as ClusterAction::cluster_index
  // The status of the answer when there is no such cluster.
  uint16_t notFoundStatus() const { return not_found_status_; }

  // onAnswer() has something to say.
  bool setsCookie() const { return sets_cookie_ != nullptr; }
  // An endpoint has answered: tells a client that is to be known again what it is known by.
  void onAnswer(const http::FilterChainContext& context) const;

 private:
  void chooseWeighted(const ClusterTargets& targets, const http::FilterChainContext& context,
                      base::Random& random);
  void chooseNamed(const RouteEntry& route, const http::FilterChainContext& context);

  const ClusterAction* action_ = nullptr;
  std::string_view cluster_;
  uint32_t index_ = ClusterAction::kByName;
  uint16_t not_found_status_ = 503;
  const ClusterTargets* sets_cookie_ = nullptr;  // the client gets a cookie with `key_`
  uint64_t key_ = 0;
};

}  // namespace weir::router
