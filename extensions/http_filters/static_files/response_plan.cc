#include "extensions/http_filters/static_files/response_plan.h"

#include <utility>

#include "source/base/concat.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using common::ByteRange;
using common::ByteRanges;

std::string contentRange(const ByteRange& range, uint64_t size) {
  return base::concat("bytes ", range.first, "-", range.last, "/", size);
}

void add(ResponsePlan& plan, Segment segment) {
  plan.length += segment.text.size() + segment.size;
  plan.body.push_back(std::move(segment));
}

void planParts(ResponsePlan& plan, const ByteRanges& ranges, uint64_t size,
               std::string_view content_type, std::string_view boundary) {
  for (const ByteRange& range : ranges.parts()) {
    add(plan, {.text = base::concat(plan.body.empty() ? "" : "\r\n", "--", boundary,
                                    "\r\nContent-Type: ", content_type,
                                    "\r\nContent-Range: ", contentRange(range, size), "\r\n\r\n"),
               .offset = range.first,
               .size = range.size()});
  }
  add(plan, {.text = base::concat("\r\n--", boundary, "--\r\n")});
  plan.content_type = base::concat("multipart/byteranges; boundary=", boundary);
}

}  // namespace

ResponsePlan planResponse(const ByteRanges& ranges, uint64_t size, std::string_view content_type,
                          std::string_view boundary) {
  ResponsePlan plan;
  switch (ranges.kind) {
    case ByteRanges::Kind::kUnsatisfiable:
      plan.status = 416;
      plan.content_range = base::concat("bytes */", size);
      return plan;
    case ByteRanges::Kind::kParts:
      plan.status = 206;
      break;
    case ByteRanges::Kind::kWhole:
      plan.content_type = content_type;
      if (size > 0) add(plan, {.size = size});
      return plan;
  }
  if (ranges.count > 1) {
    planParts(plan, ranges, size, content_type, boundary);
    return plan;
  }
  plan.content_type = content_type;
  plan.content_range = contentRange(ranges.all[0], size);
  add(plan, {.offset = ranges.all[0].first, .size = ranges.all[0].size()});
  return plan;
}

}  // namespace weir::extensions::http_filters::static_files
