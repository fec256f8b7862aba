#pragma once

#include <set>
#include <string>
#include <string_view>

#include "source/config/diagnostics.h"
#include "source/upstream/eligibility.h"
#include "source/upstream/slow_start.h"

namespace weir::config::v1 {
class Cluster;
class Endpoint;
}  // namespace weir::config::v1

// Reading what a cluster says about which endpoints are picked: each function reports what is wrong
// at `at`, the message's cursor.
namespace weir::config {

inline constexpr size_t kMaxLocality = 256;

// `own_locality`: of the node; empty: it does not say.
upstream::EligibilityPolicy readEligibilityPolicy(const v1::Cluster& from,
                                                  std::string_view own_locality, const Cursor& at);

upstream::SlowStart readSlowStart(const v1::Cluster& from, const Cursor& at);

// Priority, locality, metadata.
void readPlace(const v1::Endpoint& from, const Cursor& at, upstream::Endpoint& to);

// Reports a policy that leaves nothing of the endpoints that are listed.
void checkLocalities(const v1::Cluster& from, const upstream::EligibilityPolicy& policy,
                     const Cursor& at);

// Reports a locality that is too long.
void checkLocality(std::string_view locality, const Cursor& at);

}  // namespace weir::config
