#include "test/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "test/support/eventually.h"

namespace weir::test {
namespace {

int openForChild(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void becomeProgram(char* const* arguments, int out, int err, unsigned descriptors) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (descriptors != 0) {
    const rlimit limit{descriptors, descriptors};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  constexpr std::string_view kName = "/weir-XXXXXX";
  constexpr size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;
  constexpr size_t kLongestBase = kLongestPath - kName.size() - 1 - kLongestSocketName;
  const char* given = std::getenv("TEST_TMPDIR");
  const std::string_view base = given != nullptr ? given : "";
  path_ = base.empty() || base.size() > kLongestBase ? "/tmp" : base;
  path_ += kName;
  if (::mkdtemp(path_.data()) == nullptr) std::abort();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, std::string_view content) const {
  std::ofstream(file(name), std::ios::binary) << content;
  return file(name);
}

std::string readFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

ChildProcess::ChildProcess(const std::vector<std::string>& command, unsigned descriptors) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int out = openForChild(folder_.file("out"));
  const int err = openForChild(folder_.file("err"));
  pid_ = ::fork();
  if (pid_ == 0) becomeProgram(arguments.data(), out, err, descriptors);
  ::close(out);
  ::close(err);
  if (pid_ < 0) std::abort();
  pid_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

ChildProcess::~ChildProcess() {
  if (running()) {
    signal(SIGKILL);
    wait();
  }
  ::close(pid_fd_);
}

void ChildProcess::signal(int number) const {
  if (!code_.has_value()) ::kill(pid_, number);
}

std::optional<int> ChildProcess::wait(std::chrono::seconds limit) {
  if (code_.has_value()) return code_;
  pollfd ended{.fd = pid_fd_, .events = POLLIN, .revents = 0};
  const auto end = std::chrono::steady_clock::now() + limit;
  int ready;
  do {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    ready = ::poll(&ended, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return std::nullopt;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

bool ChildProcess::running() {
  return !wait(std::chrono::seconds(0)).has_value();
}

bool ChildProcess::waitForText(const std::string& file, const std::string& text,
                               std::chrono::seconds limit) {
  const auto found = [&] { return readFile(folder_.file(file)).find(text) != std::string::npos; };
  eventually([&] { return found() || !running(); }, limit);
  return found();
}

bool ChildProcess::waitForError(const std::string& text, std::chrono::seconds limit) {
  return waitForText("err", text, limit);
}

bool ChildProcess::waitForOutput(const std::string& text, std::chrono::seconds limit) {
  return waitForText("out", text, limit);
}

Finished runToEnd(const std::vector<std::string>& command, std::chrono::seconds limit) {
  ChildProcess process(command);
  const std::optional<int> code = process.wait(limit);
  return {.code = code.value_or(-1), .out = process.out(), .err = process.err()};
}

}  // namespace weir::test
