#pragma once

#include <utility>

#include "source/buffer/block_pool.h"

namespace weir::extensions::http_filters::cache {

// An owning pointer to something that workers share. Thread-safe, as far as each reference belongs
// to one thread at a time.
template <class T>
class SharedRef {
 public:
  SharedRef() = default;
  // Takes the maker's reference over.
  static SharedRef adopt(T* object) {
    SharedRef ref;
    ref.object_ = object;
    return ref;
  }
  SharedRef(const SharedRef& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  SharedRef(SharedRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  SharedRef& operator=(SharedRef other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~SharedRef() {
    if (object_ != nullptr) object_->release();
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  void reset() { *this = SharedRef(); }

 private:
  T* object_ = nullptr;
};

}  // namespace weir::extensions::http_filters::cache
