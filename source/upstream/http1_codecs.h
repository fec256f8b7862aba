#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "source/http/http1/codec.h"

namespace weir::upstream {

// HTTP/1 codecs, lent to connections while they have a request. Worker-confined.
class Http1Codecs {
 public:
  // With the limits of now.
  std::unique_ptr<http::http1::Http1ClientCodec> take(const http::CodecLimits& limits) {
    limits_ = limits;
    if (spare_.empty()) return http::http1::createClientCodec(limits_);
    std::unique_ptr<http::http1::Http1ClientCodec> codec = std::move(spare_.back());
    spare_.pop_back();
    return codec;
  }
  void give(std::unique_ptr<http::http1::Http1ClientCodec> codec) {
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(codec));
  }

 private:
  static constexpr size_t kMaxSpare = 64;
  std::vector<std::unique_ptr<http::http1::Http1ClientCodec>> spare_;
  http::CodecLimits limits_;  // what the codecs refer to
};

}  // namespace weir::upstream
