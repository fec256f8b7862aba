#pragma once

#include <cstddef>

namespace weir::base {

// A node of an IntrusiveList. Inherit from it (with a distinct Tag per list a class can be in).
// Worker-confined, like every object that is on such a list. Destroying a linked node unlinks it.
template <class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class IntrusiveList;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

// Doubly linked list that owns nothing and never allocates; T derives from ListNode<Tag>.
// Worker-confined. The list does not keep a size: count where a count is needed.
template <class T, class Tag = void>
class IntrusiveList {
 public:
  using Node = ListNode<Tag>;

  IntrusiveList() { head_.next_ = head_.prev_ = &head_; }
  ~IntrusiveList() {
    clear();
    head_.next_ = head_.prev_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* back() { return empty() ? nullptr : static_cast<T*>(head_.prev_); }
  // The element after `element`, or nullptr at the end.
  T* next(T& element) {
    Node* node = static_cast<Node&>(element).next_;
    return node == &head_ ? nullptr : static_cast<T*>(node);
  }
  // The element before `element`, or nullptr at the start.
  T* previous(T& element) {
    Node* node = static_cast<Node&>(element).prev_;
    return node == &head_ ? nullptr : static_cast<T*>(node);
  }
  void pushFront(T& element) { insertAfter(head_, element); }
  void pushBack(T& element) {
    static_cast<Node&>(element).unlink();  // first: it may be the last one itself
    insertAfter(*head_.prev_, element);
  }
  T* popFront() {
    T* element = front();
    if (element != nullptr) static_cast<Node*>(element)->unlink();
    return element;
  }
  void clear() {
    while (popFront() != nullptr) {
    }
  }
  // Takes every element of `other`, keeping their order, behind the own ones.
  void spliceBack(IntrusiveList& other) {
    if (other.empty()) return;
    Node* first = other.head_.next_;
    Node* last = other.head_.prev_;
    other.head_.next_ = other.head_.prev_ = &other.head_;
    first->prev_ = head_.prev_;
    head_.prev_->next_ = first;
    last->next_ = &head_;
    head_.prev_ = last;
  }

 private:
  static void insertAfter(Node& position, T& element) {
    Node& node = element;
    node.unlink();
    node.prev_ = &position;
    node.next_ = position.next_;
    position.next_->prev_ = &node;
    position.next_ = &node;
  }
  Node head_;
};

}  // namespace weir::base
