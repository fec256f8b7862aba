#include "source/config/log_conditions.h"

#include <chrono>
#include <string>
#include <utility>

#include "api/weir/config/v1/access_log.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/http/log_condition.h"
#include "source/http/response_flags.h"

namespace weir::config {
namespace {

using http::LogCondition;
using std::chrono::milliseconds;

constexpr int kDeepest = 8;
constexpr int64_t kMostStatus = 1000;

// One condition with all in it. Main-thread only.
class Reader {
 public:
  explicit Reader(bool connections) : connections_(connections) {}

  LogCondition read(const v1::AccessLogCondition& from, const Cursor& at, int depth = 1);

 private:
  static LogCondition never() { return LogCondition(LogCondition::Any{}); }
  static LogCondition given(bool yes, LogCondition condition) {
    return yes ? std::move(condition) : !condition;
  }
  // Connections have none of what `field` asks for.
  void ofHttp(const Cursor& field) const {
    if (!connections_) return;
    field.error("is about HTTP, and here connections are logged",
                "use at_least, flags, sample, all, any or not");
  }
  static LogCondition status(const v1::NumberRange& from, const Cursor& at);
  static LogCondition flags(const v1::ResponseFlags& from, const Cursor& at);
  std::vector<LogCondition> list(const v1::AccessLogConditions& from, const Cursor& at, int depth);

  const bool connections_;
};

LogCondition Reader::status(const v1::NumberRange& from, const Cursor& at) {
  if (from.start() < 0 || from.end() > kMostStatus || from.start() >= from.end()) {
    at.error(base::concat("no status is ", from.start(), " or more and less than ", from.end()),
             "write { start: 500 end: 600 }; 0 stands for no answer");
  }
  return LogCondition(LogCondition::Status{from.start(), from.end()});
}

LogCondition Reader::flags(const v1::ResponseFlags& from, const Cursor& at) {
  LogCondition::Flags to{from.names().empty() ? ~uint32_t{0} : 0};
  for (int i = 0; i < from.names_size(); ++i) {
    if (const auto flag = http::responseFlagNamed(from.names(i))) {
      to.any_of |= static_cast<uint32_t>(*flag);
      continue;
    }
    std::vector<std::string> known;
    for (const auto& text : http::responseFlagTexts()) known.emplace_back(text.name);
    const std::string near = suggestion(from.names(i), known);
    at.at("names", i)
        .error(base::concat("\"", from.names(i), "\" is no response flag"),
               near.empty() ? "docs/access-log.md lists them: UH, UF, UO, NR, …" : near);
  }
  return LogCondition(to);
}

std::vector<LogCondition> Reader::list(const v1::AccessLogConditions& from, const Cursor& at,
                                       int depth) {
  std::vector<LogCondition> to;
  if (from.conditions().empty()) {
    at.error("has no conditions", "add conditions { … }, or remove it");
  }
  for (int i = 0; i < from.conditions_size(); ++i) {
    to.push_back(read(from.conditions(i), at.at("conditions", i), depth + 1));
  }
  return to;
}

LogCondition Reader::read(const v1::AccessLogCondition& from, const Cursor& at, int depth) {
  using By = v1::AccessLogCondition;
  if (depth > kDeepest) {
    at.error("is nested too deep", "conditions may be in one another 8 deep");
    return never();
  }
  switch (from.by_case()) {
    case By::kStatus:
      ofHttp(at.field("status"));
      return status(from.status(), at.field("status"));
    case By::kAtLeast:
      return LogCondition(LogCondition::AtLeast{readDuration(
          &from.at_least(), milliseconds(0), {milliseconds(1)}, at.field("at_least"))});
    case By::kFlags:
      return flags(from.flags(), at.field("flags"));
    case By::kRequestHeader:
      ofHttp(at.field("request_header"));
      return LogCondition(LogCondition::RequestHeader{
          compileHeaderMatch(from.request_header(), at.field("request_header"))});
    case By::kResponseHeader:
      ofHttp(at.field("response_header"));
      return LogCondition(LogCondition::ResponseHeader{
          compileHeaderMatch(from.response_header(), at.field("response_header"))});
    case By::kSample:
      return LogCondition(LogCondition::Sample{compileFraction(from.sample(), at.field("sample"))});
    case By::kHealthCheck:
      ofHttp(at.field("health_check"));
      return given(from.health_check(), LogCondition(LogCondition::HealthCheck{}));
    case By::kError:
      ofHttp(at.field("error"));
      return given(from.error(), LogCondition(LogCondition::Error{}));
    case By::kAll:
      return LogCondition(LogCondition::All{list(from.all(), at.field("all"), depth)});
    case By::kAny:
      return LogCondition(LogCondition::Any{list(from.any(), at.field("any"), depth)});
    case By::kNot:
      return !read(from.not_(), at.field("not"), depth + 1);
    case By::BY_NOT_SET:
      break;
  }
  at.error("says no condition",
           "give it one, such as error: true or status { start: 500 end: 600 }");
  return never();
}

}  // namespace

void compileConditionalLogs(
    const google::protobuf::RepeatedPtrField<v1::ConditionalAccessLog>& from, const Cursor& at,
    CompileContext& context, std::vector<std::shared_ptr<const http::AccessLoggerFactory>>& to) {
  for (int i = 0; i < from.size(); ++i) {
    const Cursor here = at.at("conditional_access_logs", i);
    auto log = context.compiler.accessLogger(from[i].log(), here.field("log"), context);
    if (!from[i].has_when()) {
      here.field("when").error("is required", "what is always logged is in access_logs");
      continue;
    }
    LogCondition when = Reader(context.logs_connections).read(from[i].when(), here.field("when"));
    if (log == nullptr) continue;
    to.push_back(
        std::make_shared<http::ConditionalAccessLoggerFactory>(std::move(when), std::move(log)));
  }
}

}  // namespace weir::config
