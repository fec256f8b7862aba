#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace weir::extensions::http_filters::common::codecs {

// Encoders or decoders of one kind, used again and again: each has some hundred KiB that a message
// must not cost. Bounded in how many are out at once, and in how many wait. Worker-confined;
// outlives what it gives out.
template <class T>
class CodecPool {
 public:
  using Make = absl::AnyInvocable<std::unique_ptr<T>()>;
  CodecPool(Make make, size_t most_out) : make_(std::move(make)), most_out_(most_out) {
    idle_.reserve(kMostIdle);
  }
  CodecPool(const CodecPool&) = delete;
  CodecPool& operator=(const CodecPool&) = delete;

  struct Return {
    CodecPool* pool = nullptr;
    void operator()(T* codec) const { pool->takeBack(codec); }
  };
  using Lease = std::unique_ptr<T, Return>;

  // One that has begun; null when too many are out, or there is no memory.
  Lease lend() {
    if (out_ >= most_out_) return {};
    std::unique_ptr<T> codec;
    if (idle_.empty()) {
      codec = make_();
    } else {
      codec = std::move(idle_.back());
      idle_.pop_back();
    }
    if (!codec->begin()) return {};
    ++out_;
    return Lease(codec.release(), Return{this});
  }
  size_t out() const { return out_; }

 private:
  static constexpr size_t kMostIdle = 16;
  void takeBack(T* codec) {
    std::unique_ptr<T> owned(codec);
    --out_;
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(owned));
  }

  Make make_;
  const size_t most_out_;
  size_t out_ = 0;
  std::vector<std::unique_ptr<T>> idle_;
};

}  // namespace weir::extensions::http_filters::common::codecs
