#include <chrono>

#include "source/plugin/guard.h"
#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/loop.h"
#include "source/plugin/plugin.h"
#include "source/plugin/report.h"
#include "source/plugin/scope_call.h"

// What weir_host says of logs, loops, scopes and tickets.
namespace weir::plugin {
namespace {

base::log::Level levelOf(int32_t level) {
  switch (level) {
    case WEIR_LOG_TRACE:
      return base::log::Level::kTrace;
    case WEIR_LOG_DEBUG:
      return base::log::Level::kDebug;
    case WEIR_LOG_INFO:
      return base::log::Level::kInfo;
    case WEIR_LOG_WARNING:
      return base::log::Level::kWarning;
    default:
      return base::log::Level::kError;
  }
}

void log(const weir_host* host, int32_t level, weir_str text) {
  const std::string& area = Plugin::of(host).area();
  if (base::log::enabled(levelOf(level), area)) base::log::write(levelOf(level), area, view(text));
}

int32_t logEnabled(const weir_host* host, int32_t level) {
  return base::log::enabled(levelOf(level), Plugin::of(host).area()) ? 1 : 0;
}

void fault(const weir_host* host, weir_str text) {
  Plugin::of(host).fault(view(text));
}

void report(weir_report* report, weir_str field, weir_str what, weir_str right) {
  if (report != nullptr) Report::of(report).add(view(field), view(what), view(right));
}

uint32_t index(weir_loop* loop) {
  return loopOf(loop).index();
}

template <class Time>
uint64_t nanoseconds(Time time) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

uint64_t now(weir_loop* loop) {
  return nanoseconds(loopOf(loop).dispatcher().now());
}

uint64_t timeOf(weir_loop* loop) {
  return nanoseconds(loopOf(loop).dispatcher().systemNow());
}

uint64_t random(weir_loop* loop) {
  return loopOf(loop).random().next();
}

weir_scope* scope(weir_loop* loop) {
  return handleOf(loopOf(loop).scope());
}

ScopeTimer& timerOf(weir_timer* handle) {
  return *reinterpret_cast<ScopeTimer*>(handle);
}

weir_timer* timerCreate(weir_scope* scope, void (*fire)(void* arg), void* arg) {
  return reinterpret_cast<weir_timer*>(&scopeOf(scope).createTimer(fire, arg));
}

void timerArm(weir_timer* timer, uint64_t delay_ms) {
  if (timer != nullptr) timerOf(timer).arm(delay_ms);
}

void timerCancel(weir_timer* timer) {
  if (timer != nullptr) timerOf(timer).cancel();
}

void timerDestroy(weir_timer* timer) {
  if (timer != nullptr) delete &timerOf(timer);
}

weir_call* call(weir_scope* scope, const weir_call_request* request, ScopeCall::Done done,
                void* arg, weir_str* error) {
  std::string_view why;
  const auto read = readStruct<weir_call_request>(request);
  ScopeCall* const call = scopeOf(scope).call(read, done, arg, why);
  if (error != nullptr) *error = str(why);
  return reinterpret_cast<weir_call*>(call);
}

void callCancel(weir_call* call) {
  if (call != nullptr) delete reinterpret_cast<ScopeCall*>(call);
}

Ticket& ticketOf(weir_ticket* handle) {
  return *reinterpret_cast<Ticket*>(handle);
}

weir_ticket* ticketCreate(weir_scope* scope) {
  return reinterpret_cast<weir_ticket*>(&scopeOf(scope).createTicket());
}

weir_ticket* ticketShare(weir_ticket* ticket) {
  if (ticket != nullptr) ticketOf(ticket).addReference();
  return ticket;
}

void ticketRelease(weir_ticket* ticket) {
  if (ticket != nullptr) ticketOf(ticket).release();
}

void ticketPost(weir_ticket* ticket, void (*run)(void* arg, void* owner), void* arg) {
  ticketOf(ticket).post(run, arg);
}

}  // namespace

void fillLoops(weir_host& host) {
  host.log = log;
  host.log_enabled = logEnabled;
  host.fault = fault;
  host.report = report;
  host.loop_index = index;
  host.loop_now = now;
  host.loop_time = timeOf;
  host.loop_random = random;
  host.loop_scope = scope;
  host.timer_create = timerCreate;
  host.timer_arm = timerArm;
  host.timer_cancel = timerCancel;
  host.timer_destroy = timerDestroy;
  host.call = call;
  host.call_cancel = callCancel;
  host.ticket_create = ticketCreate;
  host.ticket_share = ticketShare;
  host.ticket_release = ticketRelease;
  host.ticket_post = ticketPost;
}

}  // namespace weir::plugin
