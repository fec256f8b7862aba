#include "source/http/log_condition.h"

#include <algorithm>
#include <utility>

#include "source/base/hash.h"

namespace weir::http {
namespace {

constexpr uint32_t bit(ResponseFlag flag) {
  return static_cast<uint32_t>(flag);
}
// What they say is no failure.
constexpr uint32_t kNotes = bit(ResponseFlag::kResponseFromCache) |
                            bit(ResponseFlag::kDelayInjected) | bit(ResponseFlag::kHedged) |
                            bit(ResponseFlag::kInternalRedirect);

bool blamesServer(GrpcStatus status) {
  switch (status) {
    case GrpcStatus::kUnknown:
    case GrpcStatus::kDeadlineExceeded:
    case GrpcStatus::kUnimplemented:
    case GrpcStatus::kInternal:
    case GrpcStatus::kUnavailable:
    case GrpcStatus::kDataLoss:
      return true;
    case GrpcStatus::kOk:
    case GrpcStatus::kCancelled:
    case GrpcStatus::kInvalidArgument:
    case GrpcStatus::kNotFound:
    case GrpcStatus::kAlreadyExists:
    case GrpcStatus::kPermissionDenied:
    case GrpcStatus::kResourceExhausted:
    case GrpcStatus::kFailedPrecondition:
    case GrpcStatus::kAborted:
    case GrpcStatus::kOutOfRange:
    case GrpcStatus::kUnauthenticated:
      return false;
  }
  return true;
}

// One look at an exchange. Borrows.
struct Holds {
  const RequestHead& request;
  const ResponseHead& response;
  const StreamInfo& info;

  bool operator()(const LogCondition::Status& by) const {
    return info.status >= by.start && info.status < by.end;
  }
  bool operator()(const LogCondition::AtLeast& by) const {
    return info.ended - info.started >= by.duration;
  }
  bool operator()(const LogCondition::Flags& by) const { return (info.flags & by.any_of) != 0; }
  bool operator()(const LogCondition::RequestHeader& by) const {
    return by.matcher.matches(request);
  }
  bool operator()(const LogCondition::ResponseHeader& by) const {
    return by.matcher.matches(response.headers);
  }
  bool operator()(const LogCondition::Sample& by) const {
    const uint64_t point = info.request_id.empty() ? base::mix64(info.connection_id)
                                                   : base::mix64(base::hash64(info.request_id));
    return by.share.takes(point);
  }
  bool operator()(const LogCondition::HealthCheck&) const { return info.health_check; }
  bool operator()(const LogCondition::Error&) const { return wentWrong(info); }
  bool operator()(const LogCondition::All& by) const {
    return std::all_of(by.of.begin(), by.of.end(), [this](const LogCondition& condition) {
      return condition.holds(request, response, info);
    });
  }
  bool operator()(const LogCondition::Any& by) const {
    return std::any_of(by.of.begin(), by.of.end(), [this](const LogCondition& condition) {
      return condition.holds(request, response, info);
    });
  }
  bool operator()(const LogCondition::Not& by) const {
    return !by.of->holds(request, response, info);
  }
};

// Worker-confined.
class ConditionalAccessLogger final : public AccessLogger {
 public:
  ConditionalAccessLogger(std::shared_ptr<const LogCondition> condition,
                          std::unique_ptr<AccessLogger> log)
      : condition_(std::move(condition)), log_(std::move(log)) {}

  void log(const RequestHead& request, const ResponseHead& response,
           const HeaderMap& response_trailers, const StreamInfo& info) override {
    if (!condition_->holds(request, response, info)) return;
    log_->log(request, response, response_trailers, info);
  }

 private:
  const std::shared_ptr<const LogCondition> condition_;
  const std::unique_ptr<AccessLogger> log_;
};

}  // namespace

bool LogCondition::holds(const RequestHead& request, const ResponseHead& response,
                         const StreamInfo& info) const {
  return std::visit(Holds{request, response, info}, by_);
}

bool wentWrong(const StreamInfo& info) {
  if (info.status == 0 || info.status >= 500 || (info.flags & ~kNotes) != 0) return true;
  return info.grpc_status && blamesServer(*info.grpc_status);
}

std::unique_ptr<AccessLogger> ConditionalAccessLoggerFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<ConditionalAccessLogger>(condition_, log_->bind(services));
}

}  // namespace weir::http
