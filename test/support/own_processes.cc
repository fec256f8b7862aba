#include "test/support/own_processes.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace weir::test {
namespace {

namespace fs = std::filesystem;

struct ProcessFacts {
  char state = ' ';
  pid_t parent = 0;
};

// False: it is gone.
bool readFacts(const std::string& folder, ProcessFacts& facts) {
  std::ifstream file(folder + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= line.size()) return false;
  facts.state = line[name_end + 2];
  facts.parent = static_cast<pid_t>(std::atoi(line.c_str() + name_end + 4));
  return true;
}

}  // namespace

std::vector<pid_t> childrenOfThis() {
  std::vector<pid_t> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    ProcessFacts facts;
    if (readFacts(entry.path().string(), facts) && facts.parent == ::getpid()) {
      children.push_back(static_cast<pid_t>(std::atoi(name.c_str())));
    }
  }
  return children;
}

bool runs(pid_t pid) {
  ProcessFacts facts;
  return readFacts("/proc/" + std::to_string(pid), facts) && facts.state != 'Z' &&
         facts.state != 'X';
}

pid_t waitForAnyChild() {
  while (true) {
    const pid_t pid = ::waitpid(-1, nullptr, 0);
    if (pid > 0 || errno != ECHILD) return pid;
    ::sched_yield();
  }
}

size_t openDescriptors() {
  size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd", error)) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

}  // namespace weir::test
