#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "source/event/dispatcher.h"

namespace weir::control {

// Something that is due at a time. Main-thread only; in one DueHeap at most, and taken off that
// before it is destroyed.
struct DueNode {
  static constexpr uint32_t kNowhere = ~uint32_t{0};
  event::MonotonicTime due = {};
  uint32_t place = kNowhere;  // in the heap

  bool waiting() const { return place != kNowhere; }
};

// What is due, the earliest first: a binary heap that knows where its elements are, so that each
// can be moved or taken out. T derives from DueNode. Owns nothing. Main-thread only.
template <class T>
class DueHeap {
 public:
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  T& front() const { return *heap_.front(); }

  // Adds it, or moves it when it is there already.
  void put(T& element, event::MonotonicTime due) {
    element.due = due;
    if (!element.waiting()) {
      element.place = static_cast<uint32_t>(heap_.size());
      heap_.push_back(&element);
    }
    restore(element.place);
  }
  void remove(T& element) {
    if (!element.waiting()) return;
    const uint32_t place = std::exchange(element.place, DueNode::kNowhere);
    T* const last = heap_.back();
    heap_.pop_back();
    if (last == &element) return;
    heap_[place] = last;
    last->place = place;
    restore(place);
  }
  // Everything is due so much later.
  void postpone(event::MonotonicTime::duration by) {
    for (T* const element : heap_) element->due += by;
  }
  // In no order; must not put or remove.
  template <class F>
  void forEach(F&& visit) {
    for (T* const element : heap_) visit(*element);
  }

 private:
  void restore(uint32_t place) {
    while (place > 0 && heap_[place]->due < heap_[(place - 1) / 2]->due) {
      swap(place, (place - 1) / 2);
      place = (place - 1) / 2;
    }
    while (true) {
      uint32_t least = place;
      for (uint32_t child = 2 * place + 1; child <= 2 * place + 2; ++child) {
        if (child < heap_.size() && heap_[child]->due < heap_[least]->due) least = child;
      }
      if (least == place) return;
      swap(place, least);
      place = least;
    }
  }
  void swap(uint32_t a, uint32_t b) {
    std::swap(heap_[a], heap_[b]);
    heap_[a]->place = a;
    heap_[b]->place = b;
  }

  std::vector<T*> heap_;
};

}  // namespace weir::control
