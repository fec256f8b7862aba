#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "source/config/main_part.h"
#include "source/event/file_watcher.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters {

// The content of a regular file of at most `most_bytes`. Blocks. The error names the file.
absl::StatusOr<std::string> readSmallFile(const std::string& path, size_t most_bytes);

// "path:line: message"
absl::Status fileError(const std::string& path, size_t line, std::string_view message);

// Reads files again when they change. Main-thread only; what it loads runs on the task pool.
class FileReload final : public config::MainPart {
 public:
  struct Options {
    std::string area;    // of log lines, and begins the name of the metric: "ip_filter"
    std::string filter;  // its label
    std::vector<std::string> files;
    // Reads all of them and puts what they say in place, or says why not and changes nothing. On
    // any thread, one call at a time.
    std::function<absl::Status()> load;
  };
  // Remembers what the files are now: before they are read for the first time.
  FileReload(Options options, stats::Store& store);
  ~FileReload() override;

  // The first reading, while the configuration is compiled.
  absl::Status loadNow();
  void start(base::ServiceMap& services) override;
  void stop() override;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace weir::extensions::http_filters
