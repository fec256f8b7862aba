#include "extensions/http_filters/common/rate_limit_answer.h"

#include <algorithm>
#include <charconv>
#include <span>

namespace weir::extensions::http_filters {
namespace {

using std::string_view;
using std::chrono::milliseconds;

// Text on the stack; what does not fit is left out. Worker-confined.
class Line {
 public:
  Line& add(string_view text) {
    const size_t size = std::min(text.size(), sizeof text_ - used_);
    std::copy_n(text.data(), size, text_ + used_);
    used_ += size;
    return *this;
  }
  Line& add(uint64_t number) {
    const auto [end, error] = std::to_chars(text_ + used_, text_ + sizeof text_, number);
    if (error == std::errc()) used_ = static_cast<size_t>(end - text_);
    return *this;
  }
  string_view text() const { return {text_, used_}; }

 private:
  char text_[192];
  size_t used_ = 0;
};

uint64_t seconds(milliseconds time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, (time.count() + 999) / 1000));
}

// The fields of one standing, and the texts that they lead to. Worker-confined.
class Told {
 public:
  Told(const RateLimitStanding& standing, RateLimitAnswer::Fields style) {
    using Fields = RateLimitAnswer::Fields;
    if (style == Fields::kStandard || style == Fields::kBoth) addStandard(standing);
    if (style == Fields::kX || style == Fields::kBoth) addX(standing);
  }
  void addRetryAfter(const RateLimitStanding& standing) {
    add("retry-after").add(std::max<uint64_t>(1, seconds(standing.until_next)));
  }
  // Good as long as this.
  std::span<const http::ReplyField> fields() {
    for (size_t i = 0; i < count_; ++i) fields_[i].value = lines_[i].text();
    return {fields_.data(), count_};
  }

 private:
  Line& add(string_view name) {
    fields_[count_].name = name;
    return lines_[count_++];
  }
  void addStandard(const RateLimitStanding& of) {
    Line& policy = add("ratelimit-policy").add("\"").add(of.name).add("\";q=").add(of.quota);
    if (of.window >= milliseconds(1000)) policy.add(";w=").add(seconds(of.window));
    const milliseconds reset = of.left == 0 ? of.until_next : of.until_full;
    add("ratelimit")
        .add("\"")
        .add(of.name)
        .add("\";r=")
        .add(of.left)
        .add(";t=")
        .add(seconds(reset));
  }
  void addX(const RateLimitStanding& of) {
    add("x-ratelimit-limit").add(of.quota);
    add("x-ratelimit-remaining").add(of.left);
    add("x-ratelimit-reset").add(seconds(of.left == 0 ? of.until_next : of.until_full));
  }

  std::array<Line, 6> lines_;
  std::array<http::ReplyField, 6> fields_;
  size_t count_ = 0;
};

}  // namespace

void RateLimitAnswer::refuse(http::FilterHandle& handle, const RateLimitStanding& standing,
                             string_view detail) const {
  Told told(standing, fields_);
  told.addRetryAfter(standing);
  http::LocalReply reply;
  reply.status = status_;
  reply.body = body_;
  reply.flag = http::ResponseFlag::kRateLimited;
  reply.detail = detail;
  reply.grpc_status = http::GrpcStatus::kResourceExhausted;
  reply.fields = told.fields();
  handle.localReply(reply);
}

void RateLimitAnswer::tell(const RateLimitStanding& standing, http::HeaderMap& fields) const {
  Told told(standing, fields_);
  for (const http::ReplyField& field : told.fields()) fields.set(field.name, field.value);
}

}  // namespace weir::extensions::http_filters
