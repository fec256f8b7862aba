#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace weir::base {

// What a worker (or the main thread) offers to the extensions bound to it, found by type: the
// dispatcher, the cluster set, the stats block. Layers stay apart: whoever asks names a type of a
// layer it may see. Worker-confined; looked up when something is bound, never per request.
class ServiceMap {
 public:
  template <class T>
  void put(T& service) {
    entries_.emplace_back(key<T>(), &service);
  }
  // nullptr when nobody offers T.
  template <class T>
  T* find() const {
    for (const auto& [k, service] : entries_) {
      if (k == key<T>()) return static_cast<T*>(service);
    }
    return nullptr;
  }
  // T must have been put: a missing one is a bug of the wiring.
  template <class T>
  T& get() const {
    return *find<T>();
  }
  // The one T that the extensions bound here share among themselves: made by `make` (which returns
  // a std::shared_ptr<T>) when first asked for, and kept as long as the map.
  template <class T, class Make>
  T& shared(Make make) {
    if (T* const service = find<T>()) return *service;
    std::shared_ptr<T> made = make();
    put(*made);
    owned_.push_back(made);
    return *made;
  }

 private:
  template <class T>
  static const void* key() {
    static const char unique = 0;
    return &unique;
  }
  std::vector<std::pair<const void*, void*>> entries_;
  std::vector<std::shared_ptr<void>> owned_;
};

}  // namespace weir::base
