#include "extensions/http_filters/grpc_web/message_scanner.h"

#include <algorithm>

#include "source/http/grpc_frames.h"

namespace weir::extensions::http_filters::grpc_web {

size_t MessageScanner::advance(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size() && prefix_seen_ < http::kGrpcPrefixBytes) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    malformed_ |= prefix_seen_ == 0 && byte > 1;
    if (malformed_) return at;
    if (prefix_seen_++ > 0) left_ = left_ << 8 | byte;
    ++at;
  }
  const auto count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - at));
  if (prefix_seen_ == http::kGrpcPrefixBytes) {
    left_ -= count;
    at += count;
    if (left_ == 0) prefix_seen_ = 0;
  }
  return at;
}

}  // namespace weir::extensions::http_filters::grpc_web
