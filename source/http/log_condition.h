#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "source/http/access_log.h"
#include "source/http/matchers.h"

namespace weir::http {

// A condition on an exchange that is over. Immutable; no allocation.
class LogCondition {
 public:
  struct Status {
    int64_t start;
    int64_t end;  // one more than the greatest
  };
  struct AtLeast {
    std::chrono::milliseconds duration;
  };
  struct Flags {
    uint32_t any_of;  // ResponseFlag
  };
  struct RequestHeader {
    HeaderMatcher matcher;
  };
  struct ResponseHeader {
    HeaderMatcher matcher;
  };
  // By the request id, without one by the connection.
  struct Sample {
    Fraction share;
  };
  struct HealthCheck {};
  // Something went wrong.
  struct Error {};
  struct All {
    std::vector<LogCondition> of;
  };
  struct Any {
    std::vector<LogCondition> of;
  };
  struct Not {
    std::shared_ptr<const LogCondition> of;
  };
  using By = std::variant<Status, AtLeast, Flags, RequestHeader, ResponseHeader, Sample,
                          HealthCheck, Error, All, Any, Not>;

  explicit LogCondition(By by) : by_(std::move(by)) {}
  LogCondition operator!() const {
    return LogCondition(Not{std::make_shared<const LogCondition>(*this)});
  }

  bool holds(const RequestHead& request, const ResponseHead& response,
             const StreamInfo& info) const;

 private:
  By by_;
};

// Whether something went wrong with an exchange: status 500 or more, or none; a flag that is no
// mere note; a gRPC status that blames the server.
bool wentWrong(const StreamInfo& info);

// Logs with `log` what `condition` holds for. Immutable.
class ConditionalAccessLoggerFactory final : public AccessLoggerFactory {
 public:
  ConditionalAccessLoggerFactory(LogCondition condition,
                                 std::shared_ptr<const AccessLoggerFactory> log)
      : condition_(std::make_shared<const LogCondition>(std::move(condition))),
        log_(std::move(log)) {}
  std::unique_ptr<AccessLogger> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const LogCondition> condition_;
  const std::shared_ptr<const AccessLoggerFactory> log_;
};

}  // namespace weir::http
