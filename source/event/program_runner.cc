#include "source/event/program_runner.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"

#include "source/base/fd.h"
#include "source/base/intrusive_list.h"

namespace weir::event {
namespace {

// A program that writes without end is read at most so fast once enough is kept, and so does not
// keep this thread busy: what a pipe holds, a hundred times a second.
constexpr std::chrono::milliseconds kFloodPause{10};
constexpr int kReadsAtOnce = 4;

using Spawned = absl::StatusOr<std::unique_ptr<Process>>;

// Keeps the beginning of what comes out of a pipe, and drops the rest. Main-thread only.
class Capture final : public FdHandler {
 public:
  explicit Capture(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  void start(base::UniqueFd pipe) {
    pipe_ = std::move(pipe);
    watcher_ = dispatcher_.createFdWatcher(pipe_.get(), *this);
    watcher_->watch({.readable = true});
  }
  // Takes what is there now; whoever has the pipe open can go on writing to nobody.
  void stop() {
    drain();
    close();
  }
  std::string takeText() { return std::move(text_); }

 private:
  void onFdReady(FdEvents) override {
    drain();
    if (!pipe_.valid() || text_.size() < ProgramRunner::kKeptBytes) return;
    watcher_->watch({});
    if (pause_ == nullptr) {
      pause_ = dispatcher_.createTimer([this] { watcher_->watch({.readable = true}); });
    }
    pause_->start(kFloodPause);
  }

  void drain() {
    std::array<char, 16 * 1024> bytes;
    for (int i = 0; i < kReadsAtOnce && pipe_.valid(); ++i) {
      const ssize_t size = ::read(pipe_.get(), bytes.data(), bytes.size());
      if (size < 0) return;  // EAGAIN
      if (size == 0) return close();
      const size_t room = ProgramRunner::kKeptBytes - text_.size();
      text_.append(bytes.data(), std::min(room, static_cast<size_t>(size)));
    }
  }

  void close() {
    pause_.reset();
    watcher_.reset();
    pipe_.reset();
  }

  Dispatcher& dispatcher_;
  base::UniqueFd pipe_;
  std::unique_ptr<FdWatcher> watcher_;  // destroyed before the pipe
  std::unique_ptr<Timer> pause_;
  std::string text_;
};

// Told when a program has ended.
class EndListener {
 public:
  virtual void onEnd(uint64_t id) = 0;

 protected:
  ~EndListener() = default;
};

// A program from when it is wanted until it is gone. Main-thread only.
class Running final : public base::ListNode<>, public FdHandler, public DeferredDeletable {
 public:
  Running(uint64_t id_in, Program program_in, ProgramListener& listener_in, Dispatcher& dispatcher,
          EndListener& end_listener)
      : id(id_in),
        program(std::move(program_in)),
        listener(&listener_in),
        dispatcher_(dispatcher),
        end_listener_(end_listener),
        out_(dispatcher),
        err_(dispatcher) {}

  void start(std::unique_ptr<Process> process) {
    process_ = std::move(process);
    watcher_ = dispatcher_.createFdWatcher(process_->endFd(), *this);
    watcher_->watch({.readable = true});
    if (listener == nullptr) return process_->kill();
    out_.start(process_->takeOut());
    err_.start(process_->takeErr());
  }
  bool begun() const { return process_ != nullptr; }
  void giveUp() {
    listener = nullptr;
    out_.stop();
    err_.stop();
    kill();
  }
  void kill() {
    if (process_ != nullptr) process_->kill();
  }
  // What has come of it, when it has ended.
  std::optional<ProgramResult> finish() {
    const std::optional<ProgramEnd> end = process_->reap();
    if (!end.has_value()) return std::nullopt;
    watcher_.reset();
    out_.stop();
    err_.stop();
    return ProgramResult{.end = *end, .out = out_.takeText(), .err = err_.takeText()};
  }

  const uint64_t id;
  Program program;            // until it is started
  ProgramListener* listener;  // null: given up

 private:
  void onFdReady(FdEvents) override { end_listener_.onEnd(id); }

  Dispatcher& dispatcher_;
  EndListener& end_listener_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<FdWatcher> watcher_;  // destroyed before the process
  Capture out_;
  Capture err_;
};

}  // namespace

// Everything but the door; runs, and what comes from the pool, may outlive it.
class ProgramRunner::State final : public EndListener, public std::enable_shared_from_this<State> {
 public:
  State(Dispatcher& dispatcher, base::TaskPool& tasks, uint32_t most)
      : dispatcher_(dispatcher), tasks_(tasks), most_(most) {}
  ~State() {
    for (auto& [id, running] : all_) running->kill();  // at once, so that all wait together
  }

  uint64_t add(Program program, ProgramListener& listener) {
    const uint64_t id = ++last_id_;
    auto running = std::make_unique<Running>(id, std::move(program), listener, dispatcher_, *this);
    Running& added = *running;
    all_.emplace(id, std::move(running));
    waiting_.pushBack(added);
    beginWaiting();
    return id;
  }
  void remove(uint64_t id) {
    const auto found = all_.find(id);
    if (found == all_.end()) return;
    if (found->second->linked()) {
      all_.erase(found);
    } else {
      found->second->giveUp();
    }
  }
  bool begun(uint64_t id) const {
    const auto found = all_.find(id);
    return found == all_.end() || found->second->begun();
  }
  void setMost(uint32_t most) {
    most_ = most;
    beginWaiting();
  }
  uint32_t running() const { return running_; }

 private:
  void beginWaiting() {
    while (running_ < most_ && !waiting_.empty()) beginFirst();
  }

  void beginFirst() {
    Running& first = *waiting_.popFront();
    ++running_;
    // Both sides hold the state weakly: what comes too late is destroyed, and that kills it.
    auto task = [program = std::move(first.program), id = first.id, state = weak_from_this(),
                 &dispatcher = dispatcher_] {
      if (!state.expired()) tell(dispatcher, state, id, Process::spawn(program));
    };
    if (tasks_.submit(std::move(task))) return;
    tell(dispatcher_, weak_from_this(), first.id,
         absl::ResourceExhaustedError("too much waits for the pool of threads"));
  }

  // Thread-safe.
  static void tell(Dispatcher& dispatcher, std::weak_ptr<State> weak, uint64_t id,
                   Spawned spawned) {
    dispatcher.post([weak = std::move(weak), id, spawned = std::move(spawned)]() mutable {
      if (const auto state = weak.lock()) state->onSpawned(id, std::move(spawned));
    });
  }

  void onSpawned(uint64_t id, Spawned spawned) {
    if (!spawned.ok()) return end(id, {.started = spawned.status()});
    Running& running = *all_.find(id)->second;
    running.start(*std::move(spawned));
    if (running.listener != nullptr) running.listener->onProgramBegun();
  }

  void onEnd(uint64_t id) override {
    if (auto result = all_.find(id)->second->finish()) end(id, *result);
  }

  void end(uint64_t id, const ProgramResult& result) {
    const std::shared_ptr<State> keep = shared_from_this();
    const auto found = all_.find(id);
    std::unique_ptr<Running> running = std::move(found->second);
    all_.erase(found);
    --running_;
    ProgramListener* const listener = running->listener;
    dispatcher_.deferDelete(std::move(running));
    if (listener != nullptr) listener->onProgramEnded(result);
    beginWaiting();
  }

  Dispatcher& dispatcher_;
  base::TaskPool& tasks_;
  uint32_t most_;
  uint32_t running_ = 0;
  uint64_t last_id_ = 0;
  base::IntrusiveList<Running> waiting_;
  std::map<uint64_t, std::unique_ptr<Running>> all_;
};

namespace {

template <class State>
class Handle final : public ProgramRunner::Run {
 public:
  Handle(const std::shared_ptr<State>& state, uint64_t id) : state_(state), id_(id) {}
  ~Handle() override {
    if (const auto state = state_.lock()) state->remove(id_);
  }
  bool begun() const override {
    const auto state = state_.lock();
    return state == nullptr || state->begun(id_);
  }

 private:
  const std::weak_ptr<State> state_;
  const uint64_t id_;
};

}  // namespace

ProgramRunner::ProgramRunner(Dispatcher& dispatcher, base::TaskPool& tasks, uint32_t most)
    : state_(std::make_shared<State>(dispatcher, tasks, most)) {
  watchChildren();
}

ProgramRunner::~ProgramRunner() = default;

std::unique_ptr<ProgramRunner::Run> ProgramRunner::run(Program program, ProgramListener& listener) {
  const uint64_t id = state_->add(std::move(program), listener);
  return std::make_unique<Handle<State>>(state_, id);
}

void ProgramRunner::setMost(uint32_t most) {
  state_->setMost(most);
}

uint32_t ProgramRunner::running() const {
  return state_->running();
}

}  // namespace weir::event
