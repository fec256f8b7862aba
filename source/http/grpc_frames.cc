#include "source/http/grpc_frames.h"

#include <string_view>

namespace weir::http {
namespace {

uint32_t readLength(std::string_view prefix) {
  uint32_t length = 0;
  for (size_t i = 1; i < kGrpcPrefixBytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(prefix[i]);
  }
  return length;
}

}  // namespace

std::array<char, kGrpcPrefixBytes> grpcPrefix(uint32_t message_bytes, bool compressed) {
  const auto byte = [&](int shift) { return static_cast<char>(message_bytes >> shift & 0xff); };
  return {static_cast<char>(compressed ? 1 : 0), byte(24), byte(16), byte(8), byte(0)};
}

GrpcFrameReader::Result GrpcFrameReader::next(buffer::Buffer& message, bool& compressed) {
  if (held_.empty()) return Result::kMore;
  const char flag = held_.front().front();
  if (flag != 0 && flag != 1) return Result::kMalformed;
  if (held_.size() < kGrpcPrefixBytes) return Result::kMore;
  const uint32_t length = readLength(held_.linearize(kGrpcPrefixBytes));
  if (length > max_message_bytes_) return Result::kTooLarge;
  if (held_.size() - kGrpcPrefixBytes < length) return Result::kMore;
  held_.drain(kGrpcPrefixBytes);
  message.appendPrefix(held_, length);
  compressed = flag == 1;
  return Result::kMessage;
}

}  // namespace weir::http
