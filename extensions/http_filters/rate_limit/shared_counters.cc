#include "extensions/http_filters/rate_limit/shared_counters.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace weir::extensions::http_filters::rate_limit {
namespace {

using std::chrono::milliseconds;

uint64_t microseconds(event::MonotonicTime::duration time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return us > 0 ? static_cast<uint64_t>(us) : 0;
}

}  // namespace

// What one request has asked. It is sent at once; who asked may be gone when the answer comes.
// Worker-confined; used again.
class SharedCounters::Question final : public base::ListNode<> {
 public:
  void set(std::string_view prefix, std::span<const AskedLimit> limits) {
    count = limits.size();
    for (size_t i = 0; i < count; ++i) {
      keys[i].assign(prefix);
      keys[i].append(limits[i].key);
      of[i] = limits[i].limit;
      shadows[i] = limits[i].shadow;
    }
  }

  CountListener* listener = nullptr;  // null: nobody waits
  event::MonotonicTime asked;
  size_t count = 0;
  bool sent_whole = false;  // with the script's text
  std::array<std::string, kMaxAsked> keys;
  std::array<const CountedLimit*, kMaxAsked> of;
  std::array<bool, kMaxAsked> shadows;
};

CounterStats CounterStats::create(stats::Store& store, const std::string& filter) {
  constexpr const char* kOutcomes[] = {"answered", "timeout", "error", "unavailable"};
  const stats::Labels labels{{"filter", filter}};
  CounterStats ids;
  for (size_t i = 0; i < std::size(kOutcomes); ++i) {
    ids.outcomes[i] =
        store.counter("http_rate_limit_questions_total",
                      "Questions to Redis by what they came to; unavailable: it was not asked.",
                      {{"filter", filter}, {"outcome", kOutcomes[i]}});
  }
  ids.connected =
      store.gauge("http_rate_limit_connected", "Workers with a connection to Redis.", labels);
  ids.resting =
      store.gauge("http_rate_limit_resting",
                  "Workers on which no request waits for Redis, as it has been too slow.", labels);
  ids.waiting = store.gauge("http_rate_limit_waiting", "Requests that wait for Redis.", labels);
  ids.answer_us = store.histogram(
      "http_rate_limit_answer_us",
      "Time until Redis has answered, late answers included, in microseconds.", labels);
  return ids;
}

SharedCounters::SharedCounters(base::ServiceMap& services, const CounterSettings& settings,
                               std::string label, const CounterStats& stats)
    : dispatcher_(services.get<event::Dispatcher>()),
      settings_(settings),
      connected_(services.get<stats::Block>().gauge(stats.connected)),
      resting_cell_(services.get<stats::Block>().gauge(stats.resting)),
      waiting_cell_(services.get<stats::Block>().gauge(stats.waiting)),
      answer_us_(services.get<stats::Block>().histogram(stats.answer_us)),
      timer_(dispatcher_.createTimer([this] { onTimer(); })),
      probe_timer_(dispatcher_.wheel(), event::wheelCallback<&SharedCounters::onProbeTimer>, this),
      link_(services, settings.server, std::move(label), *this) {
  for (size_t i = 0; i < std::size(outcomes_); ++i) {
    outcomes_[i] = &services.get<stats::Block>().counter(stats.outcomes[i]);
  }
  link_.start();
}

SharedCounters::~SharedCounters() {
  *self_ = nullptr;
  while (by_deadline_.popFront() != nullptr) {
  }
  waiting_cell_.sub(waiting_);
  rest(false);
  if (link_.up()) connected_.sub();
}

// --- Connection ---

void SharedCounters::onLinkUp() {
  connected_.add();
  digest_.clear();
  link_.send({"SCRIPT", "LOAD", countingScript()}, [this](const redis::Reply* reply) {
    if (reply != nullptr && reply->kind == redis::Reply::Kind::kText) digest_ = reply->text;
  });
}

void SharedCounters::onLinkDown() {
  connected_.sub();
  rest(false);
}

// --- Questions ---

SharedCounters::Question* SharedCounters::ask(std::span<const AskedLimit> limits,
                                              CountListener& listener) {
  const bool possible = link_.up() && !resting_ && waiting_ < settings_.max_waiting;
  Question* const question = possible ? &make(limits) : nullptr;
  if (question == nullptr || !send(*question)) {
    if (question != nullptr) free_.push_back(question);
    outcomes_[static_cast<size_t>(CountOutcome::kUnavailable)]->add();
    return nullptr;
  }
  question->listener = &listener;
  by_deadline_.pushBack(*question);
  ++waiting_;
  waiting_cell_.add();
  if (!timer_->running() && !expiring_) startTimer();
  return question;
}

SharedCounters::Question& SharedCounters::make(std::span<const AskedLimit> limits) {
  if (free_.empty()) {
    questions_.push_back(std::make_unique<Question>());
    free_.push_back(questions_.back().get());
  }
  Question& question = *free_.back();
  free_.pop_back();
  question.set(settings_.key_prefix, limits.first(std::min(limits.size(), kMaxAsked)));
  question.asked = dispatcher_.preciseNow();
  return question;
}

bool SharedCounters::send(Question& question) {
  std::array<std::string_view, 3 + kMaxAsked*(2 + CountedLimit::kArguments)> words;
  size_t used = 0;
  question.sent_whole = digest_.empty();
  words[used++] = question.sent_whole ? "EVAL" : "EVALSHA";
  words[used++] = question.sent_whole ? countingScript() : std::string_view(digest_);
  const std::string count = std::to_string(question.count);
  words[used++] = count;
  for (size_t i = 0; i < question.count; ++i) words[used++] = question.keys[i];
  for (size_t i = 0; i < question.count; ++i) {
    for (const std::string& argument : question.of[i]->arguments) words[used++] = argument;
  }
  for (size_t i = 0; i < question.count; ++i) words[used++] = question.shadows[i] ? "1" : "0";
  return link_.send(std::span<const std::string_view>(words).first(used),
                    [this, &question](const redis::Reply* reply) { onReply(question, reply); });
}

void SharedCounters::onReply(Question& question, const redis::Reply* reply) {
  if (reply == nullptr) return finish(question, CountOutcome::kError, {});
  const event::MonotonicTime asked = question.asked;
  answer_us_.record(microseconds(dispatcher_.preciseNow() - asked));
  noteInTime(asked);
  if (reply->kind == redis::Reply::Kind::kError && reply->text.starts_with("NOSCRIPT ") &&
      !question.sent_whole) {
    // Somebody has emptied its cache; the text fills it again.
    const std::string digest = std::exchange(digest_, {});
    const bool sent = question.listener != nullptr && send(question);
    digest_ = digest;
    if (sent) return;
  }
  std::array<CountedStanding, kMaxAsked> standings;
  const std::span<CountedStanding> all(standings.data(), question.count);
  const bool read = reply->kind == redis::Reply::Kind::kText && readStandings(reply->text, all);
  if (read) return finish(question, CountOutcome::kAnswered, all);
  finish(question, CountOutcome::kError, {});
}

// The link is done with the question.
void SharedCounters::finish(Question& question, CountOutcome outcome,
                            std::span<const CountedStanding> standings) {
  CountListener* const listener = std::exchange(question.listener, nullptr);
  free_.push_back(&question);
  if (listener == nullptr) return;
  release(question);
  outcomes_[static_cast<size_t>(outcome)]->add();
  listener->onCounted(standings);
}

// Nobody waits for it any more.
void SharedCounters::release(Question& question) {
  question.unlink();
  --waiting_;
  waiting_cell_.sub();
}

void SharedCounters::cancel(Question& question) {
  if (std::exchange(question.listener, nullptr) != nullptr) release(question);
}

// --- Time ---

void SharedCounters::startTimer() {
  const auto left = by_deadline_.front()->asked + settings_.timeout - dispatcher_.preciseNow();
  timer_->start(std::max(std::chrono::ceil<milliseconds>(left), milliseconds(0)));
}

// The answer may have come while this thread was busy: what has arrived is read before what is
// posted runs.
void SharedCounters::onTimer() {
  if (by_deadline_.empty() || std::exchange(expiring_, true)) return;
  dispatcher_.post([self = self_] {
    if (*self != nullptr) (*self)->expire();
  });
}

void SharedCounters::expire() {
  const event::MonotonicTime now = dispatcher_.preciseNow();
  const std::shared_ptr<SharedCounters*> self = self_;
  while (!by_deadline_.empty() && by_deadline_.front()->asked + settings_.timeout <= now) {
    Question& question = *by_deadline_.front();
    CountListener* const listener = std::exchange(question.listener, nullptr);
    release(question);
    outcomes_[static_cast<size_t>(CountOutcome::kTimeout)]->add();
    if (++timeouts_ >= settings_.max_timeouts) rest(true);
    listener->onCounted({});
    if (*self == nullptr) return;
  }
  expiring_ = false;
  if (!by_deadline_.empty()) startTimer();
}

void SharedCounters::noteInTime(event::MonotonicTime asked) {
  if (dispatcher_.preciseNow() - asked > settings_.timeout) return;
  timeouts_ = 0;
  rest(false);
}

void SharedCounters::rest(bool resting) {
  if (!resting) timeouts_ = 0;
  if (resting_ == resting) return;
  resting_ = resting;
  if (!resting) {
    resting_cell_.sub();
    return probe_timer_.cancel();
  }
  resting_cell_.add();
  probe_timer_.arm(settings_.probe);
}

void SharedCounters::onProbeTimer() {
  probe_timer_.arm(settings_.probe);
  if (probing_) return;
  const event::MonotonicTime asked = dispatcher_.preciseNow();
  probing_ = link_.send({"PING"}, [this, asked](const redis::Reply* reply) {
    probing_ = false;
    if (reply != nullptr) noteInTime(asked);
  });
}

}  // namespace weir::extensions::http_filters::rate_limit
