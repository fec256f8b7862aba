#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "source/event/dispatcher.h"

namespace weir::plugin {

class Scope;

// The way to a thread's loop for threads that may outlive it. Thread-safe.
class Gate {
 public:
  explicit Gate(event::Dispatcher& dispatcher) : dispatcher_(&dispatcher) {}
  // The loop has ended, or is about to: nothing is posted to it any more.
  void close();
  // False, and `task` as it was, when it is closed.
  bool post(absl::AnyInvocable<void()>& task);

 private:
  std::mutex mutex_;
  event::Dispatcher* dispatcher_;  // null: closed
};

// What a weir_ticket stands for: leads to a scope for as long as that is there. Counted by
// references, which any thread may hold. Thread-safe but for end().
class Ticket {
 public:
  Ticket(std::shared_ptr<Gate> gate, Scope* scope) : gate_(std::move(gate)), scope_(scope) {}

  void addReference() { references_.fetch_add(1, std::memory_order_relaxed); }
  // The last one deletes it.
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // As weir_host.ticket_post.
  void post(void (*run)(void* arg, void* owner), void* arg);
  // The scope is over. On its thread.
  void end() { scope_ = nullptr; }

 private:
  friend class TicketPost;
  ~Ticket() = default;

  std::atomic<uint32_t> references_{1};
  const std::shared_ptr<Gate> gate_;
  Scope* scope_;  // used on its thread only
};

}  // namespace weir::plugin
