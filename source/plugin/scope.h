#pragma once

#include <cstdint>

#include "source/base/intrusive_list.h"
#include "source/plugin/handles.h"
#include "source/plugin/ticket.h"

namespace weir::plugin {

class ScopeCall;
class ScopeTimer;

// A timer or call of a scope, which destroys it at its end. Worker-confined.
class ScopeEntry : public base::ListNode<> {
 public:
  virtual ~ScopeEntry() = default;
};

// What timers, HTTP calls and tickets of a plugin end with: part of a stream, a connection, a probe
// or a loop. Costs nothing until something is made in it. Worker-confined.
class Scope {
 public:
  // `owner`: what tickets are given; not null, unless nobody asks for tickets.
  explicit Scope(Loop& loop, void* owner = nullptr) : loop_(loop), owner_(owner) {}
  ~Scope() {
    if (!ended_ || !entries_.empty()) finish();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Loop& loop() { return loop_; }
  void setOwner(void* owner) { owner_ = owner; }
  void* owner() const { return owner_; }
  bool ended() const { return ended_; }
  // No timer fires, no call is answered, no ticket leads here any more. Idempotent.
  void end() {
    if (!ended_) finish();
  }

  // Not null. After the end: one that never fires, or leads nowhere.
  ScopeTimer& createTimer(void (*fire)(void* arg), void* arg);
  Ticket& createTicket();
  // Null: see weir_host.call.
  ScopeCall* call(const weir_call_request& request,
                  void (*done)(void* arg, const weir_call_response* response), void* arg,
                  std::string_view& error);

 private:
  friend class ScopeCall;
  friend class ScopeTimer;
  void finish();

  Loop& loop_;
  void* owner_;
  base::IntrusiveList<ScopeEntry> entries_;
  Ticket* ticket_ = nullptr;  // a reference
  bool ended_ = false;
};

}  // namespace weir::plugin
