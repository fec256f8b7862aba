#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "api/weir/plugin/plugin.h"
#include "source/base/fd.h"

namespace weir::plugin {

// A file with a plugin's code, opened once, so that what is checked is what is loaded. Messages are
// "what is wrong; what would be right". Main-thread only.
class SharedObject {
 public:
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  // Reads the file as a whole for its hash, and looks at its head: a shared object for this
  // machine.
  static absl::StatusOr<SharedObject> open(const std::string& path);

  const std::string& path() const { return path_; }
  // Of the bytes that were read; lower-case hex.
  const std::string& sha256() const { return sha256_; }
  // Runs the code's initialisers and finds weir_plugin_entry(). The code stays for the life of the
  // process.
  absl::StatusOr<weir_plugin_entry_function> load();

 private:
  SharedObject(std::string path, base::UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  absl::Status readFacts();
  absl::Status hash(size_t bytes);

  std::string path_;
  base::UniqueFd fd_;
  std::string sha256_;
};

}  // namespace weir::plugin
