#include "source/event/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "source/base/concat.h"

namespace weir::event {
namespace {

constexpr int kFirstOther = STDERR_FILENO + 1;
// How long a destructor waits for a program that was killed.
constexpr int kGoneMs = 1'000;

absl::Status failed(int error, std::string_view what) {
  return absl::ErrnoToStatus(error, {what.data(), what.size()});
}

// A pipe whose writing end is none of the standard descriptors, so that making it one of them does
// not overwrite the other.
absl::Status makePipe(base::UniqueFd& reads, base::UniqueFd& writes) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return failed(errno, "pipe");
  reads.reset(fds[0]);
  writes.reset(fds[1]);
  if (writes.get() < kFirstOther) {
    writes.reset(::fcntl(writes.get(), F_DUPFD_CLOEXEC, kFirstOther));
    if (!writes.valid()) return failed(errno, "pipe");
  }
  ::fcntl(reads.get(), F_SETFL, O_NONBLOCK);
  return absl::OkStatus();
}

// What happens in the child before the program begins. Owns what posix_spawn() keeps behind it.
class SpawnPlan {
 public:
  SpawnPlan(int out, int err) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    check(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    check(::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO));
    check(::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO));
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, kFirstOther));
    // The threads of this process block signals and ignore SIGPIPE; both would be inherited.
    sigset_t signals;
    ::sigemptyset(&signals);
    check(::posix_spawnattr_setsigmask(&attributes_, &signals));
    ::sigfillset(&signals);
    check(::posix_spawnattr_setsigdefault(&attributes_, &signals));
    check(::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // An errno, or 0.
  int spawn(const Program& program, pid_t& pid) {
    if (error_ != 0) return error_;
    const std::vector<char*> arguments = pointers(program.arguments);
    const std::vector<char*> environment = pointers(program.environment);
    return ::posix_spawn(&pid, program.path.c_str(), &actions_, &attributes_, arguments.data(),
                         environment.data());
  }

 private:
  void check(int error) {
    if (error_ == 0) error_ = error;
  }
  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  int error_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::spawn(const Program& program) {
  std::unique_ptr<Process> process(new Process);
  base::UniqueFd out;
  base::UniqueFd err;
  absl::Status status = makePipe(process->out_, out);
  if (status.ok()) status = makePipe(process->err_, err);
  if (!status.ok()) return status;
  const int error = SpawnPlan(out.get(), err.get()).spawn(program, process->pid_);
  if (error != 0) {
    process->pid_ = -1;
    return failed(error, program.path);
  }
  // Nobody else waits for it, so the number is its own until it is reaped here.
  process->end_.reset(static_cast<int>(::syscall(SYS_pidfd_open, process->pid_, 0)));
  if (!process->end_.valid()) return failed(errno, "pidfd_open");
  return process;
}

Process::~Process() {
  if (pid_ < 0) return;
  kill();
  pollfd end{.fd = end_.get(), .events = POLLIN, .revents = 0};
  if (end_.valid()) {
    ::poll(&end, 1, kGoneMs);
    reap();
  } else {
    ::waitpid(pid_, nullptr, 0);  // it has just begun, so this does not take long
  }
}

void Process::kill() {
  // Its group has the number of its first process, and keeps it while that is not reaped.
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

std::optional<ProgramEnd> Process::reap() {
  if (pid_ < 0) return std::nullopt;
  const auto id = static_cast<id_t>(pid_);
  siginfo_t info{};
  if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    pid_ = -1;
    return ProgramEnd{.exit_code = ProgramEnd::kUnknown};
  }
  if (info.si_pid == 0) return std::nullopt;
  kill();
  ::waitid(P_PID, id, &info, WEXITED);
  pid_ = -1;
  if (info.si_code == CLD_EXITED) return ProgramEnd{.exit_code = info.si_status};
  return ProgramEnd{.signal = info.si_status};
}

void watchChildren() {
  struct sigaction action {};
  if (::sigaction(SIGCHLD, nullptr, &action) != 0) return;
  const bool ignored = action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0;
  if (ignored) ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace weir::event
