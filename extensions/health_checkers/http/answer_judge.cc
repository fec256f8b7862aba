#include "extensions/health_checkers/http/answer_judge.h"

#include <algorithm>

#include "extensions/health_checkers/common/printable.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::extensions::health_checkers::http {
namespace {

using upstream::ProbeResult;
using Verdict = upstream::ProbeResult::Verdict;

bool anyHas(const std::vector<StatusRange>& ranges, uint16_t status) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [status](const StatusRange& range) { return range.has(status); });
}

// "200-299, 404"
std::string textOf(const std::vector<StatusRange>& ranges) {
  std::string out;
  for (const StatusRange& range : ranges) {
    if (!out.empty()) out += ", ";
    out += base::concat(range.first);
    if (range.last != range.first) out += base::concat("-", range.last);
  }
  return out;
}

bool saysNo(std::string_view value) {
  return base::equalsIgnoreCase(value, "false") || value == "0";
}

}  // namespace

void AnswerJudge::begin() {
  status_ = 0;
  head_ = accepted_ = too_long_ = found_ = false;
  search_ = 0;
  body_bytes_ = 0;
  degraded_.clear();
  body_ = std::string();
}

void AnswerJudge::onHead(const weir::http::ResponseHead& head) {
  head_ = true;
  status_ = head.status;
  accepted_ = degradedBy(head) || anyHas(expected_.statuses, status_);
}

// By its status, whatever else is expected; by the header only when it serves.
bool AnswerJudge::degradedBy(const weir::http::ResponseHead& head) {
  if (anyHas(expected_.degraded_statuses, status_)) {
    degraded_ = base::concat("status ", status_);
    return true;
  }
  const std::string& name = expected_.degraded_header;
  if (!anyHas(expected_.statuses, status_) || !head.headers.has(name)) return false;
  const std::string_view value = head.headers.get(name);
  if (saysNo(value)) return false;
  degraded_ = base::concat(name, ": ", printable(value, 40));
  return true;
}

bool AnswerJudge::onBody(buffer::Buffer& data) {
  size_t room = expected_.max_body_bytes - body_bytes_;
  too_long_ = data.size() > room;
  while (!data.empty()) {
    std::string_view piece = data.front();
    const size_t size = piece.size();
    piece = piece.substr(0, room);
    room -= piece.size();
    body_bytes_ += piece.size();
    if (expected_.body_regex.has_value()) body_.append(piece);
    if (expected_.body_text.has_value() && !found_) {
      found_ = expected_.body_text->find(piece, search_);
    }
    data.drain(size);
  }
  return !too_long_;
}

bool AnswerJudge::bodyFits() const {
  if (expected_.body_text.has_value()) return found_;
  return !expected_.body_regex.has_value() || expected_.body_regex->partialMatch(body_);
}

ProbeResult AnswerJudge::result() const {
  if (!accepted_) {
    return {Verdict::kUnhealthy,
            base::concat("status ", status_, ", expected ", textOf(expected_.statuses))};
  }
  if (!bodyFits()) {
    const std::string& wanted = expected_.body_text.has_value() ? expected_.body_text->bytes()
                                                                : expected_.body_regex->pattern();
    const std::string where =
        too_long_ ? base::concat("the first ", expected_.max_body_bytes, " bytes of the body")
                  : std::string("the body");
    return {Verdict::kUnhealthy,
            base::concat(where, expected_.body_text.has_value() ? " without \"" : " not like \"",
                         printable(wanted), "\"")};
  }
  if (!degraded_.empty()) return {Verdict::kDegraded, degraded_};
  return {Verdict::kHealthy};
}

}  // namespace weir::extensions::health_checkers::http
