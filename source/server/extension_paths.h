#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "source/config/admin_paths.h"

namespace weir::server {

// The admin paths that main parts of extensions have registered. Main-thread only.
class ExtensionPaths final : public config::AdminPaths {
 public:
  config::AdminPathHandle add(config::AdminPath path) override;

  // Null: nobody answers this. Shared, as it may be taken back while it answers.
  std::shared_ptr<const config::AdminPath> find(std::string_view path,
                                                std::string_view method) const;
  // Those that answer, each path and method once, sorted by both.
  std::vector<std::shared_ptr<const config::AdminPath>> list() const;

 private:
  struct Entry {
    uint64_t id;
    std::shared_ptr<const config::AdminPath> path;
  };
  void remove(uint64_t id) override;

  uint64_t next_id_ = 1;
  std::vector<Entry> entries_;  // as they came
};

}  // namespace weir::server
