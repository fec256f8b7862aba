#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/basic_auth/user_table.h"
#include "extensions/http_filters/common/access/shared_slot.h"
#include "source/base/task_pool.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::basic_auth {

// The threads on which passwords are checked, made when the first is. Thread-safe.
class PasswordPool {
 public:
  static constexpr size_t kThreads = 2;
  explicit PasswordPool(size_t max_waiting) : max_waiting_(max_waiting) {}
  base::TaskPool& tasks();

 private:
  const size_t max_waiting_;
  std::once_flag once_;
  std::unique_ptr<base::TaskPool> tasks_;
};

// Immutable.
struct BasicAuthRoute final : http::RouteFilterConfig {
  std::vector<std::string> allowed;  // sorted; empty: all
};

// What the filter counts. Value.
struct BasicAuthStats {
  stats::CounterId allowed;
  stats::CounterId missing;
  stats::CounterId malformed;
  stats::CounterId wrong;
  stats::CounterId forbidden;
  stats::CounterId busy;
  stats::CounterId checked;
};

// The configuration, validated. Immutable, but for the users, which follow their file.
struct BasicAuthConfig {
  explicit BasicAuthConfig(size_t max_waiting) : pool(max_waiting) {}

  SharedSlot<UserTable> users;
  mutable PasswordPool pool;
  std::string realm = "weir";
  bool forward = false;
  std::string user_header;
  std::chrono::milliseconds remember{60'000};
  std::vector<std::string> allowed;  // sorted; empty: all
  BasicAuthStats stats{};
};

// Immutable.
class BasicAuthFactory final : public http::HttpFilterFactory {
 public:
  explicit BasicAuthFactory(std::shared_ptr<const BasicAuthConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const BasicAuthConfig> config_;
};

}  // namespace weir::extensions::http_filters::basic_auth
