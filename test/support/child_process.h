#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace weir::test {

// A folder of this test run, removed with all it holds at the end. It lies in TEST_TMPDIR, or in
// /tmp when its path would be too long there: a unix socket of up to kLongestSocketName bytes has
// room in it (the kernel takes 107 bytes of path).
class TemporaryFolder {
 public:
  static constexpr size_t kLongestSocketName = 26;

  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // Writes `content` to file `name` and returns its path.
  std::string write(const std::string& name, std::string_view content) const;

 private:
  std::string path_;
};

// The content of a file; empty when it cannot be read.
std::string readFile(const std::string& path);

// A program that the test started; its output goes to files. Killed when destroyed, should it
// still run.
class ChildProcess {
 public:
  // `command`: program (looked for in PATH) and arguments. With descriptors limited to
  // `descriptors` when that is not 0.
  explicit ChildProcess(const std::vector<std::string>& command, unsigned descriptors = 0);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // The exit code, 128 + N when signal N ended it; nothing when it still runs after `limit`.
  std::optional<int> wait(std::chrono::seconds limit = std::chrono::seconds(20));
  bool running();
  std::string out() const { return readFile(folder_.file("out")); }
  std::string err() const { return readFile(folder_.file("err")); }
  // Waits until `text` stands in its standard error; false when it ended or time ran out.
  bool waitForError(const std::string& text, std::chrono::seconds limit = std::chrono::seconds(20));
  // The same for standard output.
  bool waitForOutput(const std::string& text,
                     std::chrono::seconds limit = std::chrono::seconds(20));

 private:
  bool waitForText(const std::string& file, const std::string& text, std::chrono::seconds limit);

  TemporaryFolder folder_;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  std::optional<int> code_;
};

struct Finished {
  int code = -1;  // -1: had to be killed because it did not end in time
  std::string out;
  std::string err;
};

// Runs a program to its end.
Finished runToEnd(const std::vector<std::string>& command,
                  std::chrono::seconds limit = std::chrono::seconds(25));

}  // namespace weir::test
