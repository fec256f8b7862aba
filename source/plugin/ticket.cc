#include "source/plugin/ticket.h"

#include <utility>

#include "source/plugin/guard.h"
#include "source/plugin/loop.h"
#include "source/plugin/scope.h"

namespace weir::plugin {

void Gate::close() {
  const std::lock_guard lock(mutex_);
  dispatcher_ = nullptr;
}

bool Gate::post(absl::AnyInvocable<void()>& task) {
  const std::lock_guard lock(mutex_);
  if (dispatcher_ == nullptr) return false;
  dispatcher_->post(std::move(task));
  return true;
}

// What one Ticket::post() has on its way: runs exactly once, at the latest when it is destroyed.
// Thread-safe to move; call() on the scope's thread.
class TicketPost {
 public:
  TicketPost(Ticket& ticket, void (*run)(void* arg, void* owner), void* arg)
      : ticket_(&ticket), run_(run), arg_(arg) {
    ticket.addReference();
  }
  TicketPost(TicketPost&& other) noexcept
      : ticket_(std::exchange(other.ticket_, nullptr)), run_(other.run_), arg_(other.arg_) {}
  TicketPost& operator=(TicketPost&&) = delete;
  ~TicketPost() {
    if (ticket_ == nullptr) return;
    run_(arg_, nullptr);
    ticket_->release();
  }

  void call() {
    Ticket* const ticket = std::exchange(ticket_, nullptr);
    if (Scope* const scope = ticket->scope_; scope != nullptr) {
      guarded(scope->loop().thread(), "ticket_post", run_, arg_, scope->owner());
    } else {
      run_(arg_, nullptr);
    }
    ticket->release();
  }

 private:
  Ticket* ticket_;  // a reference; null: has run
  void (*run_)(void* arg, void* owner);
  void* arg_;
};

void Ticket::post(void (*run)(void* arg, void* owner), void* arg) {
  // When the gate is closed the task is destroyed here, out of its lock, and runs with no owner.
  absl::AnyInvocable<void()> task = [post = TicketPost(*this, run, arg)]() mutable { post.call(); };
  gate_->post(task);
}

}  // namespace weir::plugin
