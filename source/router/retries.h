#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "source/base/random.h"
#include "source/http/grpc_semantics.h"
#include "source/router/route_table.h"
#include "source/upstream/endpoint.h"

namespace weir::router {

// What a failed attempt left behind: may the request be sent again, and what would that mean?
enum class Replay : uint8_t {
  kImpossible,   // its body is gone, or the client has some of an answer
  kUnsafe,       // the endpoint may have acted on it
  kUnsent,       // no endpoint has seen anything of it
  kReusedBroke,  // nor has this one, or it does not matter: a reused connection broke unanswered
  kBroke,        // the endpoint may have acted on it, and gave no byte of an answer
  kRefused,      // the endpoint said that it has not processed it
  kAnswered,     // it has answered, and the client has nothing of that
  kOverdue,      // no answer has begun within the policy's time for an attempt
};

// How often one request has been sent and whether it is sent again: always when an endpoint has
// refused it, once when a reused connection broke or none could be opened, else as the route's
// policy says. Worker-confined.
class Retries {
 public:
  // What an attempt has come to.
  struct Outcome {
    Replay replay = Replay::kImpossible;
    uint16_t status = 0;  // of the answer, or what Weir would answer
    // The same in gRPC; matters for its calls only.
    http::GrpcStatus grpc_status = http::GrpcStatus::kOk;
    bool others = false;   // there are other endpoints
    bool untried = false;  // and one that has not failed the request yet
    // What the answer asks to wait before, and what is left of the request's time.
    std::optional<std::chrono::milliseconds> wait = {};
    std::chrono::milliseconds left = std::chrono::milliseconds::max();
  };
  struct Again {
    bool limited = false;  // counts against the cluster's limits of retries
    // Before it, may be zero; nothing: at once.
    std::optional<std::chrono::milliseconds> pause = {};
    bool fresh = false;  // on a connection that has carried nothing yet
  };

  explicit Retries(base::Random& random) : random_(random) {}
  // `policy` null: none. `grpc`: its conditions on gRPC statuses apply. `idempotent`: the request's
  // method is.
  void follow(const RetryPolicy* policy, bool grpc, bool idempotent) {
    policy_ = policy;
    grpc_ = grpc;
    may_repeat_ = policy != nullptr && (idempotent || policy->any_method);
  }

  std::optional<Again> after(const Outcome& outcome);
  // Whether after() would say yes by the policy.
  bool allowedByPolicy(const Outcome& outcome) const;
  // The policy had its condition met, and no retry left.
  bool exhausted() const { return exhausted_; }

  uint32_t count() const { return count_; }
  // An endpoint has failed; `index` is into `hosts`.
  void addTried(const upstream::HostSet& hosts, uint32_t index);
  // Those that have failed, as far as they are in `hosts`: indices into it.
  std::span<const uint32_t> tried(const upstream::HostSet& hosts);

 private:
  static constexpr uint32_t kMaxRefusals = 3;

  std::optional<Again> withoutPolicy(const Outcome& outcome);
  std::optional<Again> byPolicy(const Outcome& outcome);
  bool meant(const Outcome& outcome) const;
  std::chrono::milliseconds waitBefore(const Outcome& outcome) const;
  std::chrono::milliseconds backOff();

  base::Random& random_;
  const RetryPolicy* policy_ = nullptr;
  uint32_t count_ = 0;
  uint32_t by_policy_ = 0;
  uint32_t refusals_ = 0;
  bool grpc_ = false;
  bool may_repeat_ = false;
  bool reused_broke_ = false;
  bool unsent_ = false;
  bool exhausted_ = false;
  // The last ones that were tried, and where they are in the host set of a version.
  static constexpr size_t kMostTried = 8;
  uint32_t tried_count_ = 0;
  std::array<uint64_t, kMostTried> tried_uids_;
  uint64_t hosts_version_ = 0;
  uint32_t found_count_ = 0;
  std::array<uint32_t, kMostTried> found_;
};

}  // namespace weir::router
