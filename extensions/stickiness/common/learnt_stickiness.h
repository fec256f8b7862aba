#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "source/http/message.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness {

// Where an application's ids are. Thread-safe; does not allocate.
struct SessionIds {
  std::function<std::optional<std::string_view>(const http::HeaderMap&)> in_request;
  std::function<std::optional<std::string_view>(const http::HeaderMap&)> in_answer;
  size_t most_bytes = 256;     // of an id; longer ones are nobody's
  bool from_requests = false;  // ids that are not known are bound where they go to
};

// An id that the application has given out belongs to the endpoint whose answer had it.
// Worker-confined.
class LearntStickiness final : public upstream::Stickiness {
 public:
  // `ids` and `cluster` outlive it.
  LearntStickiness(const SessionIds& ids, std::shared_ptr<upstream::StickyTable> table,
                   upstream::WorkerCluster& cluster)
      : ids_(ids), table_(std::move(table)), cluster_(cluster) {}

  upstream::StickyAnswer find(const upstream::PickContext& context,
                              upstream::StickyRequest& request) override;
  uint64_t onChosen(const upstream::PickContext& context, upstream::StickyRequest& request,
                    const upstream::StickyHost& host) override;
  void onAnswer(const upstream::PickContext& context, upstream::StickyRequest& request,
                const upstream::StickyHost& host, http::ResponseHead& head) override;

 private:
  // 0: none that counts.
  uint64_t keyOf(std::optional<std::string_view> id) const;

  const SessionIds& ids_;
  const std::shared_ptr<upstream::StickyTable> table_;
  upstream::WorkerCluster& cluster_;
};

// Immutable.
class LearntStickinessFactory final : public upstream::StickinessFactory {
 public:
  struct Options {
    std::string kind;
    std::string identity;  // the kind, and where ids are
    upstream::StickyLimits limits = {};
  };
  LearntStickinessFactory(Options options, SessionIds ids)
      : options_(std::move(options)), ids_(std::move(ids)) {}
  std::string_view name() const override { return options_.kind; }
  std::unique_ptr<upstream::Stickiness> create(
      const upstream::StickinessContext& context) const override;

 private:
  const Options options_;
  const SessionIds ids_;
};

}  // namespace weir::extensions::stickiness
