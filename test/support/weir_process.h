#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/child_process.h"

namespace weir::test {

// Path of the weir binary among the test's data.
std::string weirBinary();
// A file of the repository among the test's data, by its path from the root.
std::string dataFile(const std::string& path);
// `weir` with arguments, run to its end.
Finished weir(std::vector<std::string> arguments);

// The real binary, running with a configuration whose listeners take port 0. Returns when it
// serves; a start that fails shows in process().
class WeirProcess {
 public:
  // `config` is protobuf text, written to weir.textproto in `folder()`.
  explicit WeirProcess(std::string_view config);

  // What the kernel gave to a listener, from the line that Weir logs; 0 when it did not start.
  uint16_t port(const std::string& listener);
  uint16_t adminPort();
  std::string url(const std::string& listener, std::string_view path = "/");
  ChildProcess& process() { return process_; }
  const TemporaryFolder& folder() const { return folder_; }
  // A counter or gauge from the admin listener, summed over those whose labels contain `label`;
  // -1 when there is none.
  int64_t stat(const std::string& name, std::string_view label = {});

 private:
  uint16_t portAfter(const std::string& text);

  TemporaryFolder folder_;
  ChildProcess process_;
};

// curl with bounded time, silent, arguments as given.
Finished curl(std::vector<std::string> arguments);

}  // namespace weir::test
