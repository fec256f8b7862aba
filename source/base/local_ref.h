#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

namespace weir::base {

// Counts references without atomics: for objects that one worker owns and several of its objects
// keep alive (a bound filter chain, a worker's cluster). Worker-confined.
class LocalCounted {
 public:
  LocalCounted() = default;
  LocalCounted(const LocalCounted&) = delete;
  LocalCounted& operator=(const LocalCounted&) = delete;

 protected:
  virtual ~LocalCounted() = default;

 private:
  template <class T>
  friend class LocalRef;
  uint32_t references_ = 0;
};

// Owning pointer to a LocalCounted object; the last one deletes it. Worker-confined.
template <class T>
class LocalRef {
 public:
  LocalRef() = default;
  explicit LocalRef(T* object) : object_(object) { acquire(); }
  LocalRef(const LocalRef& other) : object_(other.object_) { acquire(); }
  LocalRef(LocalRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  // From a reference to a class that derives from T, as between plain pointers.
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor)
  requires std::is_convertible_v<U*, T*> LocalRef(LocalRef<U> other)
  noexcept : object_(std::exchange(other.object_, nullptr)) {}
  LocalRef& operator=(LocalRef other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~LocalRef() { release(); }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  void reset() { LocalRef().swap(*this); }
  void swap(LocalRef& other) noexcept { std::swap(object_, other.object_); }

 private:
  void acquire() {
    if (object_ != nullptr) ++static_cast<LocalCounted*>(object_)->references_;
  }
  void release() {
    if (object_ == nullptr) return;
    LocalCounted* counted = object_;
    if (--counted->references_ == 0) delete counted;
  }
  template <class U>
  friend class LocalRef;
  T* object_ = nullptr;
};

template <class T, class... Args>
LocalRef<T> makeLocal(Args&&... args) {
  return LocalRef<T>(new T(std::forward<Args>(args)...));
}

}  // namespace weir::base
