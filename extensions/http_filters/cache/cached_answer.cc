#include "extensions/http_filters/cache/cached_answer.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "extensions/http_filters/cache/validators.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::cache {
namespace {

using common::ByteRange;
using common::ByteRanges;
using http::BodyFraming;
using http::HeaderId;

constexpr uint64_t kUnknown = ~uint64_t{0};
// Nothing in a body has to be free of it: a reader knows the parts by their lengths too.
constexpr std::string_view kBoundary = "weir-part-7c1f0d5e9b3a4826";

std::string_view numberText(int64_t number, base::Arena& arena) {
  char* const text = static_cast<char*>(arena.allocate(20, 1));
  return {text, static_cast<size_t>(std::to_chars(text, text + 20, number).ptr - text)};
}

std::string contentRange(const ByteRange& range, uint64_t size) {
  return base::concat("bytes ", range.first, "-", range.last, "/", size);
}

// What 304 has of a response's fields (RFC 9110 15.4.5): what a cache between needs.
bool isInNotModified(const StoredResponse::Field& field) {
  return field.id != HeaderId::kContentType && field.id != HeaderId::kContentEncoding &&
         field.id != HeaderId::kSetCookie;
}

}  // namespace

bool CachedAnswer::begin(const StoredResponse& stored, const Extras& extras) {
  http::ResponseHead* const head = handle_.beginAnswer();
  if (head == nullptr) return false;
  begun_ = true;
  const http::HeaderMap& request = handle_.requestHead().headers;
  head->status = stored.status();
  const bool known = stored.status() == 200;
  if (known && notModified(request, stored.validators(), extras.now)) head->status = 304;
  addFields(stored, extras, *head);
  const bool whole = head->status != 304 && !(known && frameRanges(stored, *head));
  if (whole) frameWhole(stored, *head);
  const bool empty = head->status == 304 || head->status == 416 || (end_ == at_ && parts_.empty());
  over_ = empty;
  handle_.answerHead(empty);
  if (!empty) pump();
  return true;
}

void CachedAnswer::addFields(const StoredResponse& stored, const Extras& extras,
                             http::ResponseHead& head) {
  http::HeaderMap& to = head.headers;
  const bool not_modified = head.status == 304;
  for (const StoredResponse::Field& field : stored.fields()) {
    if (!not_modified || isInNotModified(field)) to.addView(field.id, field.name, field.value);
  }
  // RFC 9111 5.1: Age says that the origin has neither made nor validated it for this request.
  if (!extras.from_origin || stored.freshness().told_age) {
    const Seconds age = stored.freshness().age(extras.now);
    to.addView(HeaderId::kOther, "age", numberText(age.count(), head.arena));
  }
  if (!extras.cache_status.empty()) {
    to.addView(HeaderId::kOther, "cache-status", extras.cache_status);
  }
}

void CachedAnswer::frameWhole(const StoredResponse& stored, http::ResponseHead& head) {
  const uint64_t length = stored.length();
  if (length == kUnknown) {
    head.framing = BodyFraming::kChunked;
    return;
  }
  end_ = length;
  head.framing =
      http::statusHasNoBody(head.status) ? BodyFraming::kNone : BodyFraming::kContentLength;
  head.content_length = length;
}

// False: the whole is meant, or nothing but the whole can be given.
bool CachedAnswer::frameRanges(const StoredResponse& stored, http::ResponseHead& head) {
  const http::RequestHead& request = handle_.requestHead();
  if (!request.headers.has(HeaderId::kRange) || request.isHead()) return false;
  const uint64_t length = stored.length();
  if (length == kUnknown || request.headers.count(HeaderId::kRange) != 1) return false;
  if (!rangeHolds(request.headers, stored.validators(), stored.date(), stored.date())) return false;
  const ByteRanges ranges = common::readByteRanges(request.headers.get(HeaderId::kRange), length);
  switch (ranges.kind) {
    case ByteRanges::Kind::kWhole:
      return false;
    case ByteRanges::Kind::kUnsatisfiable:
      head.status = 416;
      head.headers.remove(HeaderId::kContentType);
      head.headers.add("content-range", base::concat("bytes */", length));
      head.framing = BodyFraming::kContentLength;
      head.content_length = 0;
      return true;
    case ByteRanges::Kind::kParts:
      break;
  }
  head.status = 206;
  head.framing = BodyFraming::kContentLength;
  if (ranges.count > 1) return frameParts(stored, ranges, head), true;
  const ByteRange& range = ranges.all[0];
  at_ = range.first;
  end_ = range.last + 1;
  head.headers.add("content-range", contentRange(range, length));
  head.content_length = range.size();
  return true;
}

// multipart/byteranges (RFC 9110 14.6), in the order of the bytes: a body that still comes is read
// once.
void CachedAnswer::frameParts(const StoredResponse& stored, const ByteRanges& ranges,
                              http::ResponseHead& head) {
  std::vector<ByteRange> sorted(ranges.parts().begin(), ranges.parts().end());
  std::sort(sorted.begin(), sorted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  const std::string_view type = stored.field(HeaderId::kContentType);
  head.content_length = 0;
  for (const ByteRange& range : sorted) {
    std::string text = base::concat(parts_.empty() ? "--" : "\r\n--", kBoundary, "\r\n");
    if (!type.empty()) text += base::concat("content-type: ", type, "\r\n");
    text += base::concat("content-range: ", contentRange(range, stored.length()), "\r\n\r\n");
    head.content_length += text.size() + range.size();
    parts_.push_back({std::move(text), range, true});
  }
  parts_.push_back({base::concat("\r\n--", kBoundary, "--\r\n"), {}, false});
  head.content_length += parts_.back().text.size();
  head.headers.set(HeaderId::kContentType,
                   base::concat("multipart/byteranges; boundary=", kBoundary));
  std::reverse(parts_.begin(), parts_.end());
  end_ = at_;
}

bool CachedAnswer::beginPassed(const http::ResponseHead& head, bool end_stream,
                               std::string_view cache_status) {
  http::ResponseHead* const to = handle_.beginAnswer();
  if (to == nullptr) return false;
  begun_ = true;
  to->status = head.status;
  to->reason = to->arena.copy(head.reason);
  to->framing = head.framing;
  to->content_length = head.content_length;
  if (to->framing == BodyFraming::kUntilClose) to->framing = BodyFraming::kChunked;
  head.headers.forEach(
      [to](const http::HeaderMap::Field& field) { to->headers.add(field.name, field.value); });
  if (!cache_status.empty()) to->headers.addView(HeaderId::kOther, "cache-status", cache_status);
  over_ = end_stream;
  handle_.answerHead(end_stream);
  if (!end_stream) pump();
  return true;
}

// ---- the body -------------------------------------------------------------------------------

void CachedAnswer::setBlocked(bool blocked) {
  blocked_ = blocked;
  if (!blocked) pump();
}

void CachedAnswer::pump() {
  if (!begun_ || pumping_) return;
  pumping_ = true;
  while (!blocked_ && !over_) {
    buffer::Buffer data(handle_.blocks());
    bool last = false;
    if (!fill(data, last)) break;
    over_ = last;
    if (!handle_.answerBody(data, last)) over_ = true;
  }
  pumping_ = false;
}

// False: there is nothing to send for now.
bool CachedAnswer::fill(buffer::Buffer& data, bool& last) {
  while (at_ == end_ && !parts_.empty()) {
    const Part part = std::move(parts_.back());
    parts_.pop_back();
    data.append(part.text);
    if (!part.has_range) continue;
    at_ = part.range.first;
    end_ = part.range.last + 1;
  }
  const auto most = static_cast<size_t>(std::min<uint64_t>(end_ - at_, kMostAtOnce));
  at_ += source_.readBody(at_, most, data);
  const bool at_end = end_ == kUnknown ? source_.bodyEndsAt(at_) : at_ == end_;
  last = at_end && parts_.empty();
  return last || !data.empty();
}

}  // namespace weir::extensions::http_filters::cache
